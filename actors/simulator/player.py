"""Plays a market: the one place that turns market time into real time."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import anyio
import anyio.lowlevel
from attrs import define, field

from actors.errors import RecordingError
from actors.simulator.dialect import Dialect
from actors.simulator.hub import Hub
from actors.simulator.market import Market, MarketMessage

__all__ = ["Player"]

EARLY = 0.001
"""Seconds by which a message may be sent too early. At high speed this saves most of the sleeping."""

BURST = 64
"""Messages sent in a row before others get a turn."""

log = logging.getLogger("oneforone.simulator")


@define(eq=False)
class Player:
    """Draws the messages of a market at their time and publishes them.

    Args:
        market: what is played.
        hub: who gets it.
        speed: market seconds per second; None: as fast as the slowest client takes it.
        waits: whether nothing is played before the first subscription. A recording is finite, so nobody should miss
            its beginning.
    """

    market: Market
    hub: Hub
    speed: float | None
    waits: bool
    finished: bool = field(default=False, init=False)
    """Nothing more will come."""
    unreadable: str = field(default="", init=False)
    """Why the rest of a recording cannot be read."""
    _dialect: Dialect = field(init=False)
    _messages: Iterator[MarketMessage] = field(init=False)
    _next: MarketMessage | None = field(default=None, init=False)
    _played: float = field(default=0.0, init=False)
    _started: float | None = field(default=None, init=False)

    def prepare(self, dialect: Dialect) -> None:
        """Draw the first message, so that the state before it is known. A recording's silent beginning is read here.

        Args:
            dialect: in which words the market is told.

        Raises:
            RecordingError: the recording cannot be read that far.
        """
        self._dialect = dialect
        self._messages = self.market.messages()
        self._next = next(self._messages, None)

    def time_ms(self) -> int:
        """The exchange's time now, milliseconds since 1970. At full speed, and past the end, that of the last message."""
        time = self._played
        if self._started is not None and self.speed is not None and not self.finished:
            time = (anyio.current_time() - self._started) * self.speed
        return self.market.epoch_ms + int(time * 1000)

    async def run(self) -> None:
        """Play to the end. A recording that cannot be read on ends here, with a warning.

        Cancellation: atomic; a message is published or it is not.
        """
        if self.waits:
            await self.hub.first_subscription.wait()
        self._started = anyio.current_time()
        try:
            await self._play(self._started)
        except RecordingError as exc:
            self.unreadable = str(exc)
            log.warning("%s", exc)
        finally:
            self.finished = True

    async def _play(self, started: float) -> None:
        burst = 0
        while (message := self._next) is not None:
            now = anyio.current_time()
            due = now if self.speed is None else started + message.time / self.speed
            if due > now + EARLY:
                await anyio.sleep_until(due)
                burst = 0
            elif (burst := burst + 1) >= BURST:
                await (self.hub.room() if self.speed is None else anyio.lowlevel.checkpoint())
                burst = 0
            self._played = message.time
            for stream, data in self._dialect.frames(message, self.hub.wanted):
                self.hub.publish(stream, data)
            self._next = next(self._messages, None)
