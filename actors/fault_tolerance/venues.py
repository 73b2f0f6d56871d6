"""The exchanges of a running tree, found by their managers."""

from __future__ import annotations

from supervisor import Supervisor, SupervisorError

__all__ = ["NoSuchVenue", "find_venues"]


class NoSuchVenue(SupervisorError, LookupError):
    """There is no exchange of this name in the tree.

    Args:
        venue: what was asked for; empty where one had to be named, because there are several.
        known: what there is.
    """

    def __init__(self, venue: str, known: tuple[str, ...]) -> None:
        wanted = f"there is no exchange {venue!r}" if venue else "no exchange was named"
        if known:
            text = f"{wanted}; in the tree: {', '.join(known)}. Type venue={known[0]!r}"
        else:
            text = f"{wanted}, and there is none in the tree; open_supervisor(bot_tree(exchange_tree(...))) has one"
        super().__init__(text)
        self.venue = venue
        self.known = known


def find_venues(supervisor: Supervisor, found: dict[str, Supervisor]) -> None:
    """Those at and below this one that have the managers of an exchange."""
    children = supervisor.which_children()
    if {"connection manager", "state manager"} <= {child.id for child in children}:
        found[supervisor.path.rpartition("/")[2]] = supervisor
        return
    for child in children:
        if child.kind == "supervisor":
            find_venues(supervisor.supervisor(child.id), found)
