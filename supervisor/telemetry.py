"""Where events go: sinks, of which structlog is one and `events()` another.

A sink is a function of one event. It is called in the task in which the event happened, so it must be quick and must not wait.
A sink that raises is reported to the others and keeps its place: nothing here ever hurts the tree. So is one that raises a
cancellation: nobody cancels a function that does not wait. A `KeyboardInterrupt` or a `SystemExit` of a sink ends the tree, in
order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import structlog
from anyio import get_cancelled_exc_class

from supervisor.events import Event, EventsSkipped, SinkFailed
from supervisor.reader import Buffer, Reader
from supervisor.secrets import redact

__all__ = ["EventStream", "LogSink", "Sink", "Telemetry"]

Sink = Callable[[Event], object]

_LEVELS = {"debug": 0, "info": 1, "warning": 2, "error": 3}


class LogSink:
    """Writes events as structlog lines: the event's kind, its path and its fields, redacted.

    Args:
        at_least: the least level that is written: debug, info, warning or error.
        logger: where to; by default structlog's own, as the process has configured it.
    """

    def __init__(self, at_least: str = "warning", logger: Any = None) -> None:
        if at_least not in _LEVELS:
            raise ValueError(f"LogSink.at_least is {at_least!r}; expected one of {', '.join(_LEVELS)}")
        self._least = _LEVELS[at_least]
        self._logger = structlog.get_logger("supervisor") if logger is None else logger

    def __call__(self, event: Event) -> None:
        if _LEVELS[event.level] >= self._least:
            fields = redact({name: value for name, value in event.to_dict().items() if value is not None})
            kind = fields.pop("type")
            getattr(self._logger, event.level)(_words(kind), **fields)


def _words(kind: str) -> str:
    """`ChildEnded` as `child ended`."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in kind).strip()


def _harmless(error: BaseException) -> bool:
    """Whether it says no more than that the sink is broken."""
    if isinstance(error, Exception | GeneratorExit):
        return True
    return not isinstance(error, KeyboardInterrupt | SystemExit) and isinstance(error, get_cancelled_exc_class())


def _complaint(broken: Sink, error: BaseException) -> str:
    try:
        return f"{broken!r}: {type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001  # it cannot even be named
        return f"a {type(broken).__name__}: {type(error).__name__}"


class EventStream(Reader[Event]):
    """A tree's events, read with `async for`. What it missed, it is told as `EventsSkipped`.

    Args:
        telemetry: of the tree.
        buffer: its own.
        path: of the tree's root, for `EventsSkipped`.
        now: the loop's clock.
    """

    def __init__(self, telemetry: Telemetry, buffer: Buffer, path: str, now: Callable[[], float]) -> None:
        super().__init__(buffer)
        self._path = path
        self._now = now
        buffer.on_close = lambda: telemetry.detach(buffer.push)
        telemetry.attach(buffer.push)

    def _missed(self, count: int) -> Event:
        return EventsSkipped(path=self._path, at=self._now(), count=count)


class Telemetry:
    """Hands each event to every sink."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks: tuple[Sink, ...] = tuple(sinks)
        self.on_fatal: Callable[[BaseException], None] = lambda error: None
        """Stops the whole tree in order, for what no sink may swallow."""

    def emit(self, event: Event) -> None:
        """Hand out one event. Never raises."""
        for sink in self._sinks:
            try:
                sink(event)
            except BaseException as error:  # noqa: BLE001  # Ctrl-C in a sink: let out here it would lose the end of a life
                if _harmless(error):
                    self._complain(sink, event, error)  # a sink must not hurt the tree it watches
                else:
                    self.on_fatal(error)

    def attach(self, sink: Sink) -> None:
        self._sinks = (*self._sinks, sink)

    def detach(self, sink: Sink) -> None:
        at = self._sinks.index(sink) if sink in self._sinks else len(self._sinks)
        self._sinks = self._sinks[:at] + self._sinks[at + 1 :]

    def close(self) -> None:
        """End every stream of events."""
        for sink in self._sinks:
            buffer = getattr(sink, "__self__", None)
            if isinstance(buffer, Buffer):
                buffer.close()

    def _complain(self, broken: Sink, event: Event, error: BaseException) -> None:
        complaint = SinkFailed(path=event.path, at=event.at, error=_complaint(broken, error))
        for sink in self._sinks:
            if sink is not broken:
                try:
                    sink(complaint)
                except BaseException as another:  # noqa: BLE001  # as above
                    if not _harmless(another):
                        self.on_fatal(another)
                    continue  # both are broken: there is nobody left to tell
