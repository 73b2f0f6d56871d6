"""EndpointChoice: which of a role's endpoints are used, best first: by the ranking, and by an operator's word over it.

The evidence and its patience are the ranking's: what fails rests for a growing time, and what differs by chance does not change
places.
"""

from __future__ import annotations

from attrs import define, field

from actors.fallbacks.endpoint_ranking import EndpointRanking

__all__ = ["EndpointChoice"]


@define
class EndpointChoice:
    """One role's. Times must not go backwards.

    Args:
        ranking: of its endpoints.
    """

    ranking: EndpointRanking
    order: tuple[str, ...] = field(init=False)
    """Those to use, best first, as they were when `look` was called last."""
    words: dict[str, bool] = field(init=False, factory=dict)
    """{endpoint: an operator's word}: True, it is left for the others; False, it comes first."""

    def __attrs_post_init__(self) -> None:
        self.order = self.ranking.names

    @property
    def preferred(self) -> str:
        return self.ranking.names[0]

    @property
    def in_force(self) -> bool:
        """The first choice is another endpoint than the preferred one."""
        return self.order[0] != self.preferred

    def say(self, endpoint: str, word: bool | None) -> bool:
        """An operator's word; None takes it back. False: there is no such endpoint, or no other that it could be left for."""
        names = self.ranking.names
        if endpoint not in names or (word and len(names) == 1):
            return False
        self.words.pop(endpoint, None)
        if word is not None:
            self.words[endpoint] = word
        return True

    def look(self, now: float) -> bool:
        """Choose again; True: the order is another one by that."""
        ranked = self.ranking.order(now)
        first = [name for name, word in self.words.items() if not word]
        rest = [name for name in ranked if name not in self.words]
        # What an operator has left comes last, and is used all the same where there is nothing else.
        left = [name for name in ranked if self.words.get(name)]
        before, self.order = self.order, (*first, *rest, *left) or self.order
        return self.order != before
