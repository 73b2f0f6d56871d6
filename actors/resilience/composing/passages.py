"""The passages of several policies for one block: entered in order, left in reverse, each seeing what the next one in left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, cast

from actors.resilience.policy import Passage, Policy

__all__ = ["Entered", "Passages"]

V = TypeVar("V")


class _NotRun(BaseException):
    """What outer passages are left with when an inner one did not let the block begin."""


class Entered:
    """What each policy of a pipeline gives to a block: `entered[timeout].remaining()`."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[int, tuple[Policy[Any], Any]] = {}

    def __getitem__(self, policy: Policy[V]) -> V:
        """What `with policy as ...` would name.

        Raises:
            LookupError: this policy is not open here.
        """
        try:
            return cast("V", self._values[id(policy)][1])
        except KeyError:
            raise LookupError(f"{policy} has no part in this block") from None


class Passages:
    """A stack of passages. One use.

    Args:
        policies: outermost first.
    """

    __slots__ = ("_open", "_policies", "entered")

    def __init__(self, policies: Sequence[Policy[Any]], entered: Entered) -> None:
        self._policies = policies
        self._open: list[Passage[Any]] = []
        self.entered: Entered = entered

    def enter(self) -> None:
        """Enter all of them. If one refuses, those before it give back what they took, and hear of no outcome: none of them
        could answer for a block that does not run."""
        try:
            for policy in self._policies:
                passage = policy._passage()
                self._took(policy, passage, passage.enter())
        except BaseException as error:  # noqa: BLE001  # raised again when all are left
            ended = error
        else:
            return
        while self._open:
            ended = _unwound(self._open.pop(), ended)
        try:
            raise ended
        finally:
            del ended  # otherwise the error and this frame would hold each other

    async def aenter(self) -> None:
        """As `enter`, for a task.

        Cancellation: atomic; what was taken is given back.
        """
        try:
            for policy in self._policies:
                passage = policy._passage()
                self._took(policy, passage, await passage.aenter())
        except BaseException as error:  # noqa: BLE001  # raised again when all are left
            ended = error
        else:
            return
        while self._open:
            ended = await _aunwound(self._open.pop(), ended)
        try:
            raise ended
        finally:
            del ended

    def leave(self, error: BaseException | None) -> BaseException | None:
        """Leave all of them; what the last one left of the error, or raised in its place."""
        while self._open:
            try:
                if self._open.pop().leave(error):
                    error = None
            except BaseException as raised:  # noqa: BLE001  # the next one out sees it
                error = raised
        return error

    async def aleave(self, error: BaseException | None) -> BaseException | None:
        """As `leave`, for a task.

        Cancellation: as the passages'; all of them are left.
        """
        while self._open:
            try:
                if await self._open.pop().aleave(error):
                    error = None
            except BaseException as raised:  # noqa: BLE001  # the next one out sees it
                error = raised
        return error

    def _took(self, policy: Policy[Any], passage: Passage[Any], value: Any) -> None:
        self._open.append(passage)
        self.entered._values[id(policy)] = policy, value


def _given_back(error: BaseException) -> BaseException:
    # A cancellation is passed on as it is: a scope has to recognise its own.
    return _NotRun() if isinstance(error, Exception) else error


def _unwound(passage: Passage[Any], error: BaseException) -> BaseException:
    try:
        passage.leave(_given_back(error))
    except _NotRun:
        return error
    except BaseException as raised:  # noqa: BLE001  # raised when all are left
        return raised
    return error


async def _aunwound(passage: Passage[Any], error: BaseException) -> BaseException:
    try:
        await passage.aleave(_given_back(error))
    except _NotRun:
        return error
    except BaseException as raised:  # noqa: BLE001  # raised when all are left
        return raised
    return error
