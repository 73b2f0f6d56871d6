"""The guard: a function, or a block, whose errors are recovered from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from actors.errors import CallTimeout, ConnectFailed, StaleData, UnknownOutcome, ValidationError
from actors.resilience import Incident, Recovery, RecoveryAction, RecoveryGuard, RecoveryKind
from tests.resilience.recovering.calls import (
    DEGRADE,
    FALLBACK,
    IGNORE,
    RESTART,
    RETRY,
    Calls,
    Run,
    fails,
    lost,
    nothing,
    restart,
)

pytestmark = pytest.mark.anyio


def unknown() -> Exception:
    return CallTimeout("place", 1.0)


def stale() -> Exception:
    return StaleData("BTC", 9.0, 1.0)


def invalid() -> Exception:
    return ValidationError("quantity", 0, "1 or more")


def mended(kind: RecoveryKind, run: Run = nothing) -> Recovery:
    # A retry with a `run` would have made the call itself.
    return Recovery(actions=[RecoveryAction(kind, None if kind in (IGNORE, RETRY) else run, name=f"the {kind}")])


class Flaky:
    """A function that fails the first times."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def sync(self, value: int) -> int:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return value

    async def task(self, value: int) -> int:
        await anyio.lowlevel.checkpoint()
        return self.sync(value)

    async def through(self, guard: Any, value: int = 7, *, threaded: bool) -> int:
        return guard(self.sync)(value) if threaded else await guard(self.task)(value)


BOTH = pytest.mark.parametrize("threaded", [True, False], ids=["sync", "async"])


@BOTH
@pytest.mark.parametrize("kind", [RETRY, RESTART, FALLBACK])
async def test_a_guarded_function_is_called_once_more_when_it_was_made_possible(kind: RecoveryKind, threaded: bool) -> None:
    flaky = Flaky(lost())
    assert await flaky.through(mended(kind).guard("orders"), threaded=threaded) == 7
    assert flaky.calls == 2


@BOTH
async def test_what_a_retry_carried_out_itself_is_done_again_only_if_it_is_idempotent(threaded: bool) -> None:
    """The retry's `run` made the call: the guard, and any retry around it, would make it a second time."""
    sent = Recovery(actions=[RecoveryAction(RETRY, nothing)])
    flaky = Flaky(lost())
    with pytest.raises(UnknownOutcome):
        await flaky.through(sent.guard("orders"), threaded=threaded)
    assert flaky.calls == 1
    again = Flaky(lost())
    assert await again.through(sent.guard("orders", idempotent=True), threaded=threaded) == 7
    assert again.calls == 2


@BOTH
async def test_a_second_failure_goes_on(threaded: bool) -> None:
    second = lost()
    flaky = Flaky(lost(), second)
    with pytest.raises(ConnectFailed) as caught:
        await flaky.through(mended(RESTART).guard("orders"), threaded=threaded)
    assert caught.value is second
    assert flaky.calls == 2


@BOTH
@pytest.mark.parametrize("kind", [DEGRADE, IGNORE])
async def test_what_is_left_undone_has_the_result_that_stands_instead(kind: RecoveryKind, threaded: bool) -> None:
    flaky = Flaky(lost())
    assert await flaky.through(mended(kind).guard("orders", instead=lambda value: -value), threaded=threaded) == -7
    assert flaky.calls == 1


@BOTH
async def test_what_is_left_undone_has_no_result_unless_one_is_given(threaded: bool) -> None:
    assert await Flaky(lost()).through(mended(DEGRADE).guard("orders"), threaded=threaded) is None


@BOTH
@pytest.mark.parametrize("make", [unknown, stale, invalid])
async def test_what_is_not_idempotent_is_not_called_again_unless_that_is_safe(
    make: Callable[[], Exception], threaded: bool
) -> None:
    error = make()
    flaky = Flaky(error)
    with pytest.raises(type(error)) as caught:
        await flaky.through(mended(RESTART).guard("orders"), threaded=threaded)
    assert (caught.value, flaky.calls) == (error, 1)
    assert error.__notes__ == ["recovery: by the restart; not called again, which would not be safe unless idempotent"]


@BOTH
@pytest.mark.parametrize("make", [unknown, stale])
async def test_what_is_idempotent_is_called_again(make: Callable[[], Exception], threaded: bool) -> None:
    flaky = Flaky(make())
    assert await flaky.through(mended(RESTART).guard("orders", idempotent=True), threaded=threaded) == 7


async def test_what_an_attempt_may_have_sent_is_not_sent_again_by_the_guard() -> None:
    flaky = Flaky(lost())
    recovery = Recovery(actions=[RecoveryAction(RETRY, Calls(100.0), within=1.0), restart(nothing)])
    with pytest.raises(UnknownOutcome) as caught:
        await recovery.guard("orders")(flaky.task)(7)
    assert flaky.calls == 1
    assert isinstance(caught.value.__cause__, ConnectFailed)


@BOTH
async def test_an_error_that_nothing_recovers_goes_on_with_a_note(threaded: bool) -> None:
    error = lost()
    with pytest.raises(ConnectFailed) as caught:
        await Flaky(error).through(mended(RESTART, fails).guard("orders"), threaded=threaded)
    assert (caught.value, caught.value.__notes__) == (error, ["recovery: none, after 1 attempt"])


@BOTH
async def test_an_error_that_comes_too_often_goes_on_with_a_note(threaded: bool) -> None:
    recovery = Recovery(actions=[restart(nothing)], limit=1)
    errors = [lost() for _ in range(9)]
    for _ in range(2):
        with pytest.raises(ConnectFailed) as caught:
            await Flaky(*errors).through(recovery.guard("orders"), threaded=threaded)
    assert "it came more than 1 times within 60 s" in caught.value.__notes__[0]


async def test_a_guarded_function_that_fails_inside_its_own_recovery_is_not_recovered_from() -> None:
    flaky = Flaky(*[lost() for _ in range(9)])

    async def use(_: Incident) -> None:
        await guarded(1)

    recovery = Recovery(actions=[restart(use, attempts=2)])
    guarded = recovery.guard("orders")(flaky.task)
    with pytest.raises(ConnectFailed):
        await guarded(7)
    assert (flaky.calls, recovery.statistics().loops) == (3, 2)


@BOTH
async def test_notes_do_not_pile_up_on_an_error_that_is_raised_again_and_again(threaded: bool) -> None:
    error = lost()
    recovery = Recovery()
    for _ in range(50):
        with pytest.raises(ConnectFailed):
            await Flaky(error).through(recovery.guard("orders"), threaded=threaded)
    assert len(error.__notes__) == 8


@BOTH
async def test_a_guarded_function_that_succeeds_is_not_touched(threaded: bool) -> None:
    recovery = mended(RESTART)
    assert await Flaky().through(recovery.guard("orders"), threaded=threaded) == 7
    assert recovery.statistics().begun == 0


async def test_cancellation_passes_a_guard_untouched() -> None:
    recovery = mended(IGNORE)

    @recovery.guard("orders")
    async def sleep() -> None:
        await anyio.sleep_forever()

    with anyio.move_on_after(1.0) as scope:
        await sleep()
    assert scope.cancelled_caught
    assert recovery.statistics().begun == 0


async def test_the_operation_is_the_error_s_own_or_the_function_s_name() -> None:
    recovery = mended(IGNORE)
    await recovery.guard("orders")(Flaky(lost()).task)(1)
    await recovery.guard("orders")(Flaky(lost(operation="place")).task)(1)
    await recovery.guard("orders", "cancel")(Flaky(lost()).task)(1)
    assert [record.operation for record in recovery.attempts_made()] == ["task", "place", "cancel"]


async def test_two_uses_of_one_guard_do_not_mix() -> None:
    recovery = Recovery(actions=[restart(Calls(1.0))])
    guard = recovery.guard("orders")
    results = []

    async def use(number: int, *errors: Exception) -> None:
        results.append(await guard(Flaky(*errors).task)(number))

    async with anyio.create_task_group() as group:
        group.start_soon(use, 1, lost())
        group.start_soon(use, 2)
        group.start_soon(use, 3, lost())
    assert sorted(results) == [1, 2, 3]


async def use_block(guard: RecoveryGuard, error: Exception, *, threaded: bool) -> None:
    if threaded:
        with guard:
            raise error
    else:
        async with guard:
            raise error


@BOTH
@pytest.mark.parametrize("kind", [IGNORE, DEGRADE])
async def test_a_block_ends_where_its_error_is_of_no_consequence(kind: RecoveryKind, threaded: bool) -> None:
    await use_block(mended(kind).guard("orders"), lost(), threaded=threaded)


@BOTH
@pytest.mark.parametrize("kind", [RESTART, RETRY])
async def test_a_block_is_not_run_twice(kind: RecoveryKind, threaded: bool) -> None:
    error = lost()
    with pytest.raises(ConnectFailed) as caught:
        await use_block(mended(kind).guard("orders"), error, threaded=threaded)
    assert (caught.value, error.__notes__) == (error, [f"recovery: by the {kind}; a block is not run twice"])


async def test_cancellation_passes_a_block_untouched() -> None:
    recovery = mended(IGNORE)
    with anyio.move_on_after(1.0) as scope:
        async with recovery.guard("orders"):
            await anyio.sleep_forever()
    assert (scope.cancelled_caught, recovery.statistics().begun) == (True, 0)


def test_a_guard_says_what_it_is() -> None:
    guard = Recovery(name="bot").guard("orders", idempotent=True)
    assert (str(guard), guard.name, guard.statistics().begun) == ("recovery bot of orders (idempotent)", "bot", 0)
