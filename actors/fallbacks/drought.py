"""Drought: for how long a link has delivered nothing.

A market in which nothing happens is no drought: there must have been trouble. Two kinds are told apart, because the first ends
with the next connection, and the second does not:

    down      the connection was lost, or refused, or there is no leave to make one. It ends when one is open. Counted from the
              trouble on: before it, the market may have been quiet for an hour
    doubt     the stream says that it has been silent for too long, or a connection ended that had delivered nothing. It ends
              with data. Counted from the last data on: the silence is part of it
"""

from __future__ import annotations

from attrs import define, field

from actors.link_state import LinkEvent

__all__ = ["Drought"]


@define
class Drought:
    """One link's. Times must not go backwards."""

    delivered_at: float | None = field(default=None, init=False)
    """When its socket delivered last."""
    polled_at: float | None = field(default=None, init=False)
    """When a poll delivered last."""
    _trouble_at: float | None = field(default=None, init=False)
    _doubt: bool = field(default=False, init=False)
    _barren: bool = field(default=False, init=False)
    """A connection is open that has given no sign of life."""

    def feed(self, event: LinkEvent, now: float) -> None:
        """Take one event in."""
        match event:
            case LinkEvent.DATA:
                self.delivered_at, self._trouble_at, self._doubt, self._barren = now, None, False, False
            case LinkEvent.POLLED:
                self.polled_at = now
            case LinkEvent.CONNECTED:
                self._barren = True
                if not self._doubt:
                    self._trouble_at = None
            case LinkEvent.PINGED:
                self._barren = False
            case LinkEvent.SILENT | LinkEvent.GAVE_UP:
                self._troubled(now, doubt=True)
            case LinkEvent.LOST | LinkEvent.REFUSED | LinkEvent.WAITS:
                self._troubled(now, doubt=self._barren)
                self._barren = False
            case _:
                pass

    @property
    def flows(self) -> bool:
        """Its socket delivers, or would if there were something."""
        return self._trouble_at is None

    def of_socket(self, now: float) -> float:
        """Seconds without data from its socket; 0 while there is no trouble."""
        if self._trouble_at is None:
            return 0.0
        return now - self._began(self._trouble_at)

    def of_all(self, now: float) -> float:
        """Seconds without data of any source; 0 while there is no trouble."""
        if self._trouble_at is None:
            return 0.0
        began = self._began(self._trouble_at)
        return now - (began if self.polled_at is None else max(began, self.polled_at))

    def _began(self, trouble_at: float) -> float:
        return self.delivered_at if self._doubt and self.delivered_at is not None else trouble_at

    def _troubled(self, now: float, *, doubt: bool) -> None:
        self._doubt = self._doubt or doubt
        if self._trouble_at is None:
            self._trouble_at = now
