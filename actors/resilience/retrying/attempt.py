"""One attempt of a block that is run again."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

import anyio

from actors.errors import CallTimeout
from supervisor.parking import scope_within

if TYPE_CHECKING:
    from actors.resilience.retrying.attempts import Attempts

__all__ = ["Attempt"]


class Attempt:
    """One attempt of a block: `for attempt in retry: with attempt: ...`, or with `async` before both or the first.

    An error that is tried again ends at the block: what stands after it in the loop is run after a failed attempt, too.
    """

    __slots__ = ("_attempts", "_delay", "_ended", "_entered", "_result", "_scope", "_seconds", "number")

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts
        self._result: object = None
        self._scope: anyio.CancelScope | None = None
        self._seconds = 0.0
        self._entered = False
        self._ended = False
        self._delay: float | None = None
        self.number: int = attempts.number
        """From 1."""

    def set_result(self, result: object) -> None:
        """What the block came to, for `on_result` to look at."""
        self._result = result

    def stop(self, reason: str = "") -> None:
        """As `Attempts.stop`: try nothing again, from anywhere, even while the next attempt is waited for.

        Args:
            reason: for the note on the error.
        """
        self._attempts.stop(reason)

    def __enter__(self) -> Self:
        if self._entered:
            raise RuntimeError("this attempt has been made; expected the next one: for attempt in retry: with attempt: ...")
        self._entered = True
        retry = self._attempts._retry
        if retry.attempt_timeout is not None:
            self._seconds = retry._seconds_left(self._attempts._started)
            self._scope = scope_within(self._seconds)
            self._scope.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> bool:
        self._ended = True
        attempts = self._attempts
        ended: BaseException | None = error
        timed_out: CallTimeout | None = None
        if self._scope is not None:
            try:
                self._scope.__exit__(kind, error, traceback)
            except BaseException as remaining:  # noqa: BLE001  # what the scope left of a group; raised again below
                ended = remaining
            else:
                # What it returns is of no use: trio's is True where nothing was raised.
                if self._scope.cancelled_caught:
                    ended = timed_out = attempts._retry._timed_out(self.number, self._seconds)
        if ended is None or isinstance(ended, Exception):
            self._delay = attempts.after(ended, self._result)
        else:
            attempts.release()
        if ended is None or ended is error or self._delay is not None:
            return self._delay is not None
        try:
            if timed_out is not None:
                raise timed_out from None  # the cancellation that our scope took is no part of the story
            raise ended
        finally:
            del ended, timed_out, error  # otherwise the error and this frame would hold each other

    async def __aenter__(self) -> Self:
        """Begin.

        Cancellation: atomic.
        """
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        """End; True if the error ends here, because the block is run again.

        Cancellation: never waits.
        """
        return self.__exit__(kind, error, traceback)

    def _delay_after(self) -> float | None:
        if not self._ended:
            raise RuntimeError(
                "an attempt was not made, and the loop would not end; expected: for attempt in retry: with attempt: ..."
            )
        return self._delay
