"""What a pipeline does for `with` blocks: run once, or run again by a retry."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from actors.resilience.composing.passages import Entered, Passages
from actors.resilience.policy import Passage, Policy

if TYPE_CHECKING:
    from actors.resilience.retrying.attempt import Attempt
    from actors.resilience.retrying.attempts import Attempts
    from actors.resilience.retrying.retry import Retry

__all__ = ["PipelineAttempt", "PipelineLoop", "PipelinePassage"]

V = TypeVar("V")


class PipelinePassage(Passage[Entered]):
    """One block that runs once."""

    __slots__ = ("_passages",)

    def __init__(self, policies: Sequence[Policy[Any]]) -> None:
        self._passages = Passages(policies, Entered())

    def enter(self) -> Entered:
        self._passages.enter()
        return self._passages.entered

    async def aenter(self) -> Entered:
        """As `enter`.

        Cancellation: atomic; what was taken is given back.
        """
        await self._passages.aenter()
        return self._passages.entered

    def leave(self, error: BaseException | None) -> bool:
        return _ended(self._passages.leave(error), error)

    async def aleave(self, error: BaseException | None) -> bool:
        """As `leave`.

        Cancellation: as that of the policies.
        """
        return _ended(await self._passages.aleave(error), error)


class PipelineAttempt:
    """One attempt of a block: `for attempt in pipeline: with attempt: ...`, or with `async` before both.

    An error that is tried again ends at the block: what stands after it in the loop is run after a failed attempt, too.
    """

    __slots__ = ("_attempt", "_begun", "_ended", "_inner", "_loop")

    def __init__(self, loop: PipelineLoop, attempt: Attempt, inner: Passages) -> None:
        self._loop = loop
        self._attempt = attempt
        self._inner = inner
        self._begun = False
        self._ended = False

    @property
    def number(self) -> int:
        """From 1."""
        return self._attempt.number

    def set_result(self, result: object) -> None:
        """What the block came to, for the retry's `on_result` to look at."""
        self._attempt.set_result(result)

    def stop(self, reason: str = "") -> None:
        """Try nothing again, from anywhere, even while the next attempt is waited for.

        Args:
            reason: for the note on the error.
        """
        self._attempt.stop(reason)

    def __getitem__(self, policy: Policy[V]) -> V:
        """What `with policy as ...` would name: `attempt[timeout].remaining()`.

        Raises:
            LookupError: this policy is not open here.
        """
        return self._inner.entered[policy]

    def __enter__(self) -> Self:
        return self._begin()

    async def __aenter__(self) -> Self:
        """Begin.

        Cancellation: atomic.
        """
        return self._begin()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        ended = self._judged(self._inner.leave(error))
        if self._goes_on:
            return True
        return _ended(self._loop.outer.leave(ended), error)

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        """End; True if the error ends here, because the block is run again or something stands in for it.

        Cancellation: as that of the policies.
        """
        ended = self._judged(await self._inner.aleave(error))
        if self._goes_on:
            return True
        return _ended(await self._loop.outer.aleave(ended), error)

    @property
    def _goes_on(self) -> bool:
        return self._attempt._delay_after() is not None

    def _begin(self) -> Self:
        if self._begun:
            raise RuntimeError("this attempt has been made; expected the next one: for attempt in pipeline: with attempt: ...")
        self._begun = True
        return self

    def _judged(self, error: BaseException | None) -> BaseException | None:
        """What the retry leaves of the error of this attempt, which is over."""
        self._ended = True
        try:
            kind, traceback = (None, None) if error is None else (type(error), error.__traceback__)
            return None if self._attempt.__exit__(kind, error, traceback) else error
        except BaseException as raised:  # noqa: BLE001  # the policies outside of the retry see it
            return raised


class PipelineLoop:
    """The attempts of one block. What is outside of the retry is entered once, what is inside for each attempt.

    An attempt is entered before the loop gets it: a policy that refuses it (an open breaker) makes it a failed attempt, which
    may be tried again like any other. So leave the loop from within `with attempt`, by `break` or `return`, or at its end.
    """

    __slots__ = ("_attempts", "_current", "_inner", "_retry", "outer")

    def __init__(self, outer: Sequence[Policy[Any]], retry: Retry, inner: Sequence[Policy[Any]]) -> None:
        self._retry = retry
        self._inner = inner
        self._attempts: Attempts | None = None
        self._current: PipelineAttempt | None = None
        self.outer: Passages = Passages(outer, Entered())

    def __del__(self) -> None:
        # What stands after the block in the loop has failed between two attempts, and nobody else can leave what is outside:
        # a slot of a bulkhead would be gone for good.
        if self.outer._open:
            self.outer.leave(GeneratorExit())

    def __iter__(self) -> Self:
        return self

    def __aiter__(self) -> Self:
        return self

    def __next__(self) -> PipelineAttempt:
        if self._attempts is None:
            self.outer.enter()
        try:
            if self._attempts is None:
                self._attempts = iter(self._retry)
            if (misuse := self._misuse()) is not None:
                misuse[0]._inner.leave(misuse[1])
                raise misuse[1]  # noqa: TRY301  # what is outside is left below, in one place
            while True:
                attempt = self._prepared(next(self._attempts))
                try:
                    attempt._attempt.__enter__()
                    attempt._inner.enter()
                except BaseException as error:  # noqa: BLE001  # raised again, or what the retry makes of it
                    ended = attempt._judged(error)
                    if attempt._goes_on:
                        continue
                    if ended is None:
                        raise StopIteration from None
                    raise ended  # noqa: B904  # it is that very error, or has its own cause
                return attempt
        except StopIteration:
            self.outer.leave(None)
            raise
        except BaseException as error:
            if not _ended(self.outer.leave(error), error):
                raise
            raise StopIteration from None

    async def __anext__(self) -> PipelineAttempt:
        """The next attempt, after its wait.

        Cancellation: what was taken is given back; nothing is tried again.
        """
        if self._attempts is None:
            await self.outer.aenter()
        try:
            if self._attempts is None:
                self._attempts = aiter(self._retry)
            if (misuse := self._misuse()) is not None:
                await misuse[0]._inner.aleave(misuse[1])
                raise misuse[1]  # noqa: TRY301  # what is outside is left below, in one place
            while True:
                attempt = self._prepared(await anext(self._attempts))
                try:
                    attempt._attempt.__enter__()
                    await attempt._inner.aenter()
                except BaseException as error:  # noqa: BLE001  # raised again, or what the retry makes of it
                    ended = attempt._judged(error)
                    if attempt._goes_on:
                        continue
                    if ended is None:
                        raise StopAsyncIteration from None
                    raise ended  # noqa: B904  # it is that very error, or has its own cause
                return attempt
        except StopAsyncIteration:
            await self.outer.aleave(None)
            raise
        except BaseException as error:
            if not _ended(await self.outer.aleave(error), error):
                raise
            raise StopAsyncIteration from None

    def _prepared(self, attempt: Attempt) -> PipelineAttempt:
        entered = Entered()
        entered._values.update(self.outer.entered._values)
        self._current = PipelineAttempt(self, attempt, Passages(self._inner, entered))
        return self._current

    def _misuse(self) -> tuple[PipelineAttempt, RuntimeError] | None:
        """The attempt that the loop got and did not make, if any."""
        if self._current is None or self._current._ended:
            return None
        return self._current, RuntimeError(
            "the attempt before was never made, and the loop would not end; "
            "expected: for attempt in pipeline: with attempt: ..."
        )


def _ended(left: BaseException | None, error: BaseException | None) -> bool:
    """What an `__exit__` returns, or raises, when this is left of the error."""
    if left is None or left is error:
        return left is None and error is not None
    try:
        raise left
    finally:
        del left, error
