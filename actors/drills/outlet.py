"""Outlet: a client's side of the line to the process that hurts it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import msgspec
from attrs import define, field

from actors.drills.observation import Observation, Pauses, Ready, Seen, Settings, Trouble

__all__ = ["Outlet", "read_settings"]


@define(eq=False)
class Outlet:
    """Writes observations to standard output, each when it is made."""

    _encoder: msgspec.json.Encoder = field(init=False, factory=msgspec.json.Encoder)

    def ready(self, version: str, streams: tuple[str, ...]) -> None:
        self._write(Ready(version, streams))

    def seen(self, stream: str, event_id: int) -> None:
        """An event is in the hands of the program."""
        self._write(Seen(time.monotonic(), stream, event_id))

    def trouble(self, stream: str, what: str) -> None:
        """The client said that there is no data."""
        self._write(Trouble(time.monotonic(), stream, what[:200]))

    def pauses(self, seconds: dict[str, float]) -> None:
        self._write(Pauses(seconds))

    def _write(self, observation: Observation) -> None:
        # Not through a buffer: what waits in it would be seen late, and be gone when the client is killed.
        os.write(sys.stdout.fileno(), self._encoder.encode(observation) + b"\n")


def read_settings() -> Settings:
    """What this process was told; from now on it ends when the one that started it does, even if that was killed.

    Raises:
        SystemExit: it was not started by the drills.
    """
    try:
        settings = msgspec.json.decode(sys.argv[1], type=Settings)
    except (IndexError, msgspec.MsgspecError):
        sys.exit("this is started by `oneforone resilience`, with its settings as JSON")
    threading.Thread(target=_end_with_stdin, name="end-with-stdin", daemon=True).start()
    return settings


def _end_with_stdin() -> None:
    # Not sys.stdin: a daemon thread that holds its lock at exit is a fatal error of the interpreter.
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
