"""Which of a role's endpoints are to be used, best first: from how their uses ended. No clock: the caller says what time it is.

Theory of operation:

* What an endpoint is worth is a *score* from 0 to 1: the share of uses that went well, of which an older one counts less
  (half as much after `half_life`), less a little where it is slow beside the fastest. Without evidence it is 1.
* Scores only choose a *grade*, one of a few, and a grade is left only when the score is beyond its edge by a margin. The order
  is by grade, and within a grade by preference. So what differs by chance does not change places, and when evidence has faded
  the preferred endpoint is first again.
* What is given up *rests*: it is left out. Each further rest lasts longer, until it has done well for a lasting time. An end of
  a rest is a fresh start: the old evidence is forgotten, but not how often it has rested.
* What is *broken* (its breaker is open) rests until it is forgiven, though no longer than the longest rest: who forgives may
  have died.
* At most half of those that are in use rest at once. Of more that should rest, the worst do; the others come last. So there is
  an order as long as there is an endpoint that no operator has isolated.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from attrs import define, field, frozen
from msgspec import Struct

from supervisor import Backoff

__all__ = ["EndpointRanking", "RankingRules", "RememberedEndpoint"]

MIDDLE = 0.5
"""Of a jitter, where the rules have one."""
BENEFIT = 3.0
"""Good uses that every endpoint is credited with: one failure alone changes nothing."""
LARGEST = 64
"""Rests that are counted; more would only overflow what doubles."""


@frozen(kw_only=True)
class RankingRules:
    """The numbers of an EndpointRanking. Times in seconds."""

    rest: Backoff = Backoff(initial=30.0, maximum=900.0)
    """How long an endpoint rests, by how often it has rested."""
    reset_after: float = 300.0
    """After doing well for this long the next rest is a first one again."""
    half_life: float = 120.0
    """After this long a use counts half."""
    least_evidence: float = 4.0
    """With less evidence, in recent uses, a bad share makes nothing rest."""
    rest_below: float = 0.45
    """With that much, a share of uses that went well below this makes it rest."""
    grades: int = 4
    margin: float = 0.05
    """How far beyond a grade's edge the score has to be."""
    slowness: float = 0.4
    """What the score loses at most for being slow."""
    look_again: float = 10.0
    """While a grade is not the best one, evidence fades, and the order is worth a look this often."""


class RememberedEndpoint(Struct, frozen=True):
    """What should outlive a process. Instants are the caller's to convert to and from its wall clock."""

    endpoint: str
    rests: int
    """How often in a row it has rested."""
    until: float
    """When its rest ends; in the past: it does not rest."""
    broken: bool = False
    isolated: bool = False


@define
class _Record:
    name: str
    place: int
    """In the order of preference."""
    grade: int
    good: float = 0.0
    """Uses that went well, faded to `at`."""
    bad: float = 0.0
    at: float = -math.inf
    seconds: float | None = None
    """How long uses take, the recent ones before all."""
    rests: int = 0
    until: float = -math.inf
    broken: bool = False
    isolated: bool = False
    good_since: float | None = None
    """When the run of good uses began that lasts."""

    def fade(self, now: float, half_life: float) -> None:
        if now > self.at:
            share = 0.0 if self.at == -math.inf else 0.5 ** ((now - self.at) / half_life)
            self.good, self.bad, self.at = self.good * share, self.bad * share, now

    def start_afresh(self, best: int) -> None:
        self.good = self.bad = 0.0
        self.seconds, self.good_since, self.grade = None, None, best


@define(eq=False)
class EndpointRanking:
    """Ranks the endpoints of one role. A time before the last one is taken for the last one. Of names that it does not have it
    takes no notice: who reports may be of an older configuration.

    Args:
        names: the endpoints, the preferred one first.
        rules: its numbers.

    Raises:
        ValueError: no names, or one twice.
    """

    names: tuple[str, ...] = field(converter=tuple[str, ...])
    rules: RankingRules = field(factory=RankingRules)
    _records: dict[str, _Record] = field(init=False)
    _now: float = field(init=False, default=-math.inf)

    def __attrs_post_init__(self) -> None:
        if not self.names or len(set(self.names)) < len(self.names):
            raise ValueError(f"a ranking got the endpoints {self.names!r}; expected at least one, and each once")
        best = self.rules.grades - 1
        self._records = {name: _Record(name, place, best) for place, name in enumerate(self.names)}

    # ---- what is told

    def note(self, endpoint: str, ok: bool, seconds: float | None, now: float) -> None:
        """How one use ended. Many bad ones make it rest.

        Args:
            endpoint: its name.
            ok: whether it went well.
            seconds: how long it took; None: that is not known.
            now: the time.
        """
        now, record = self._at(now), self._records.get(endpoint)
        if record is None:
            return
        record.fade(now, self.rules.half_life)
        if not ok:
            record.bad, record.good_since = record.bad + 1.0, None
            evidence = record.good + record.bad
            if evidence >= self.rules.least_evidence and record.good < self.rules.rest_below * evidence:
                self.give_up(endpoint, now)
            return
        record.good += 1.0
        if seconds is not None and 0 <= seconds < math.inf:
            record.seconds = seconds if record.seconds is None else 0.8 * record.seconds + 0.2 * seconds
        if record.good_since is None:
            record.good_since = now
        if now - record.good_since >= self.rules.reset_after:
            record.rests = 0

    def give_up(self, endpoint: str, now: float, *, broken: bool = False) -> None:
        """It is of no use: let it rest. What rests already goes on with that.

        Args:
            endpoint: its name.
            now: the time.
            broken: its breaker is open: it rests until `forgive`, for the longest rest at most.
        """
        now, record = self._at(now), self._records.get(endpoint)
        if record is None:
            return
        if not record.until > now:
            record.rests = min(record.rests + 1, LARGEST)
            record.until = now + self.rules.rest.delay(record.rests, MIDDLE)
        if broken:
            record.broken, record.until = True, max(record.until, now + self.rules.rest.maximum)
        record.good_since = None

    def forgive(self, endpoint: str, now: float) -> None:
        """There is evidence that it can be used again: its rest is over."""
        now, record = self._at(now), self._records.get(endpoint)
        if record is not None and record.until > -math.inf:
            record.until, record.broken = -math.inf, False
            record.start_afresh(self.rules.grades - 1)

    def isolate(self, endpoint: str, *, even_the_last: bool = False) -> bool:
        """An operator takes it out of use, whatever the evidence.

        Args:
            endpoint: its name.
            even_the_last: also where no other is left in use.

        Returns:
            Whether it is out of use now; False: there is none of that name, or it is the last one.
        """
        record = self._records.get(endpoint)
        if record is None:
            return False
        others = any(not other.isolated for other in self._records.values() if other is not record)
        record.isolated = record.isolated or others or even_the_last
        return record.isolated

    def release(self, endpoint: str) -> bool:
        """An operator brings it back; False: it was not isolated."""
        record = self._records.get(endpoint)
        if record is None or not record.isolated:
            return False
        record.isolated, record.until, record.broken = False, -math.inf, False
        record.start_afresh(self.rules.grades - 1)
        return True

    # ---- what it says

    def order(self, now: float) -> tuple[str, ...]:
        """Those to use, best first: all but the resting and the isolated. Empty only when all are isolated."""
        now = self._at(now)
        resting = self._resting(now)
        used = [record for record in self._in_use() if record not in resting]
        used.sort(key=lambda record: (record.until > now, record.until if record.until > now else -record.grade, record.place))
        return tuple(record.name for record in used)

    def resting(self, now: float) -> tuple[str, ...]:
        """Those that rest, in order of preference; the isolated are not among them."""
        return tuple(record.name for record in self._resting(self._at(now)))

    def next_change(self, now: float) -> float:
        """When to ask for the order again, though nothing is told until then; `math.inf`: no need."""
        now = self._at(now)
        ends = [record.until for record in self._in_use() if record.until > now]
        fading = any(record.grade < self.rules.grades - 1 for record in self._in_use() if not record.until > now)
        return min([*ends, now + self.rules.look_again if fading else math.inf], default=math.inf)

    def score(self, endpoint: str, now: float) -> float:
        """What it is worth, from 0 to 1.

        Raises:
            KeyError: there is none of that name.
        """
        self._at(now)
        return self._score(self._records[endpoint])

    # ---- what outlives it

    def remembered(self) -> tuple[RememberedEndpoint, ...]:
        """What should be remembered: of those that rest, have rested, or are isolated."""
        return tuple(
            RememberedEndpoint(record.name, record.rests, record.until, record.broken, record.isolated)
            for record in self._records.values()
            if record.rests or record.isolated
        )

    def recall(self, remembered: Iterable[RememberedEndpoint], now: float) -> None:
        """Go on where a predecessor was. Of a rest, no more is left than a rest can last: clocks are set."""
        now = self._at(now)
        for one in remembered:
            record = self._records.get(one.endpoint)
            if record is not None:
                record.rests = max(0, min(one.rests, LARGEST))
                record.until = min(one.until, now + self.rules.rest.maximum) if one.until > now else -math.inf
                record.broken, record.isolated = one.broken and record.until > now, one.isolated

    # ---- within

    def _at(self, now: float) -> float:
        """Let time pass: rests end, evidence fades, grades follow."""
        self._now = now = max(now, self._now)
        best = self.rules.grades - 1
        for record in self._records.values():
            if -math.inf < record.until <= now:
                record.until, record.broken = -math.inf, False
                record.start_afresh(best)
            record.fade(now, self.rules.half_life)
        for record in self._records.values():
            record.grade = self._grade(record)
        return now

    def _grade(self, record: _Record) -> int:
        score, width = self._score(record), 1.0 / self.rules.grades
        margin, grade = min(self.rules.margin, width / 4), record.grade
        while grade > 0 and score < grade * width - margin:
            grade -= 1
        while grade < self.rules.grades - 1 and score >= (grade + 1) * width + margin:
            grade += 1
        return grade

    def _score(self, record: _Record) -> float:
        evidence = record.good + record.bad
        share = (record.good + BENEFIT) / (evidence + BENEFIT)
        known = [other.seconds for other in self._records.values() if other.seconds is not None]
        if record.seconds is None or not known:
            return share
        times = record.seconds / (min(known) + 0.1)
        return share * (1.0 - min(self.rules.slowness, max(0.0, times - 1.0) / 10) * min(1.0, evidence))

    def _in_use(self) -> list[_Record]:
        return [record for record in self._records.values() if not record.isolated]

    def _resting(self, now: float) -> Sequence[_Record]:
        used = self._in_use()
        tired = sorted(
            (one for one in used if one.until > now), key=lambda one: (one.broken, one.until, one.place), reverse=True
        )
        chosen = tired[: len(used) // 2]
        return [record for record in used if record in chosen]
