from __future__ import annotations

import asyncio
import contextvars
import math
import threading
import time
from typing import Any

import anyio
import pytest
import trio
from structlog.testing import capture_logs

from actors.errors import BulkheadFull, CallTimeout, Category, classify
from actors.resilience import Deadline, LateResult, Timeout
from supervisor import SpecError
from supervisor.testing.virtual_time import virtual_backend
from tests.resilience.eventually import eventually

pytestmark = pytest.mark.anyio


async def answer(value: int = 1, after: float = 0.0) -> int:
    await anyio.sleep(after)
    return value


# ---- tasks


async def test_a_call_in_time_returns_its_result() -> None:
    assert await Timeout(within=5.0)(answer)(7, after=4.9) == 7


async def test_a_call_that_takes_too_long_is_stopped_and_named() -> None:
    began = anyio.current_time()
    with pytest.raises(CallTimeout) as caught:
        await Timeout(within=5.0)(answer)(7, after=60.0)
    assert anyio.current_time() - began == pytest.approx(5.0)
    assert (caught.value.what, caught.value.within) == ("answer", 5.0)
    assert isinstance(caught.value, TimeoutError)


async def test_what_was_stopped_has_an_unknown_outcome() -> None:
    with pytest.raises(CallTimeout) as caught:
        await Timeout(within=1.0).acall(answer, 7, 60.0)
    assert classify(caught.value).category is Category.UNKNOWN_OUTCOME


async def test_of_nested_timeouts_the_nearer_one_strikes_and_is_named() -> None:
    each, total = Timeout(within=2.0, name="attempt"), Timeout(within=9.0, name="total")
    with pytest.raises(CallTimeout, match=r"answer did not end within 2 s \(the timeout attempt\)") as caught:
        await total(each(answer))(7, after=60.0)
    assert caught.value.name == "attempt"
    with pytest.raises(CallTimeout) as caught:
        await each(total(answer))(7, after=60.0)
    assert caught.value.name == "attempt"


@pytest.mark.parametrize(
    "own", [TimeoutError("socket"), CallTimeout("something else", 1.0)], ids=["TimeoutError", "CallTimeout"]
)
async def test_a_timeout_that_the_call_raised_itself_is_its_own(own: Exception) -> None:
    async def fail() -> None:
        raise own

    timeout = Timeout(within=5.0)
    with pytest.raises(type(own)) as caught:
        await timeout.acall(fail)
    assert caught.value is own
    assert timeout.statistics().timeouts == 0


async def test_an_error_raised_while_it_is_stopped_is_not_covered_up() -> None:
    async def clumsy() -> None:
        try:
            await anyio.sleep(60.0)
        finally:
            raise ValueError("while leaving")

    with pytest.raises(ValueError, match="while leaving"):
        await Timeout(within=1.0).acall(clumsy)


async def test_the_goodbye_of_a_stopped_call_is_shielded_as_it_asks() -> None:
    said = []

    async def polite() -> None:
        try:
            await anyio.sleep(60.0)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(1.0)
                said.append("goodbye")

    with pytest.raises(CallTimeout):
        await Timeout(within=1.0).acall(polite)
    assert said == ["goodbye"]


async def test_a_call_that_begins_in_a_shield_is_let_finish() -> None:
    async def shielded() -> str:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(3.0)
        return "done"

    assert await Timeout(within=1.0).acall(shielded) == "done"


async def test_a_call_that_swallows_one_cancellation_is_cancelled_again() -> None:
    cancelled = anyio.get_cancelled_exc_class()
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        for _ in range(2):
            try:
                await anyio.sleep(60.0)
            except cancelled:
                swallowed += 1
        await anyio.sleep(60.0)

    with pytest.raises(CallTimeout):
        await Timeout(within=1.0).acall(stubborn)
    assert swallowed == 2


async def test_a_cancellation_from_outside_passes() -> None:
    with anyio.move_on_after(1.0) as outer:
        await Timeout(within=5.0).acall(answer, 7, 60.0)
    assert outer.cancelled_caught


async def test_where_both_strike_at_once_the_cancellation_from_outside_wins() -> None:
    timeout = Timeout(within=1.0)
    with anyio.move_on_after(1.0) as outer:
        await timeout.acall(answer, 7, 60.0)
    assert outer.cancelled_caught
    assert timeout.statistics().timeouts == 0


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("at_once", [False, True], ids=["before", "at once"])
@pytest.mark.real_time
async def test_asyncios_own_cancellation_passes_and_leaves_no_count(at_once: bool) -> None:
    timeout = Timeout(within=0.02 if at_once else 5.0)
    seen: list[BaseException] = []

    async def run() -> None:
        try:
            await timeout.acall(answer, 7, 60.0)
        except BaseException as error:
            seen.append(error)
            raise

    task = asyncio.ensure_future(run())
    await asyncio.sleep(0.005)
    if at_once:
        # Both in one round of the loop: the timer that is due, and a cancellation.
        time.sleep(0.02)  # noqa: ASYNC251  # the loop must not run meanwhile
    task.cancel("mine")
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [type(error) for error in seen] == [asyncio.CancelledError]
    assert task.cancelling() == 1


@pytest.mark.parametrize("anyio_backend", [virtual_backend("asyncio")], ids=["asyncio"])
async def test_asyncio_counts_no_cancellation_of_ours() -> None:
    with pytest.raises(CallTimeout):
        await Timeout(within=1.0).acall(answer, 7, 60.0)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


@pytest.mark.real_time
def test_trio_as_a_guest_of_asyncio_gets_trios_scopes() -> None:
    outcomes: list[Any] = []

    async def guest() -> None:
        with pytest.raises(CallTimeout):
            await Timeout(within=0.01).acall(answer, 7, 60.0)
        outcomes.append(trio.lowlevel.in_trio_run())

    async def host() -> None:
        loop = asyncio.get_running_loop()
        over: asyncio.Future[Any] = loop.create_future()
        trio.lowlevel.start_guest_run(guest, run_sync_soon_threadsafe=loop.call_soon_threadsafe, done_callback=over.set_result)
        (await over).unwrap()

    asyncio.run(host())
    assert outcomes == [True]


async def test_a_block_has_a_deadline_and_is_stopped_at_it() -> None:
    timeout = Timeout(within=5.0, name="login")
    with pytest.raises(CallTimeout, match="login did not end within 5 s"):
        async with timeout as deadline:
            assert deadline.remaining() == pytest.approx(5.0)
            await anyio.sleep(2.0)
            assert deadline.remaining() == pytest.approx(3.0)
            await anyio.sleep(60.0)
    assert deadline.remaining() == 0.0


async def test_a_block_of_a_timeout_without_a_name_is_called_one() -> None:
    with pytest.raises(CallTimeout, match=r"^a block did not end within 5 s$"):
        async with Timeout(within=5.0):
            await anyio.sleep(60.0)


async def test_a_block_that_gets_on_can_have_more_time() -> None:
    async with Timeout(within=5.0) as deadline:
        await anyio.sleep(4.0)
        deadline.extend(10.0)
        await anyio.sleep(9.0)
        assert deadline.remaining() == pytest.approx(2.0)


async def test_two_calls_at_once_have_a_time_each() -> None:
    timeout = Timeout(within=5.0)
    ended = []

    async def call(after: float) -> None:
        try:
            ended.append(await timeout.acall(answer, 1, after))
        except CallTimeout:
            ended.append(anyio.current_time() - began)

    began = anyio.current_time()
    async with anyio.create_task_group() as group:
        group.start_soon(call, 9.0)
        await anyio.sleep(3.0)
        group.start_soon(call, 4.5)
    assert ended == [pytest.approx(5.0), 1]
    assert timeout.statistics().timeouts == 1


async def test_it_counts() -> None:
    timeout = Timeout(within=5.0)
    await timeout.acall(answer)
    async with timeout:
        pass
    with pytest.raises(CallTimeout):
        await timeout.acall(answer, 1, 9.0)
    found = timeout.statistics()
    assert (found.calls, found.timeouts) == (3, 1)


async def test_a_wall_clock_that_jumps_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def jump() -> int:
        monkeypatch.setattr(time, "time", lambda: 0.0)
        return await answer(7, after=4.0)

    assert await Timeout(within=5.0).acall(jump) == 7


# ---- options


@pytest.mark.parametrize("within", [0, -1.0, math.inf, math.nan, True, "5"])
def test_a_time_that_cannot_be_meant_is_refused(within: Any) -> None:
    with pytest.raises(SpecError, match=r"Timeout\.within"):
        Timeout(within=within)


def test_a_hook_that_nobody_would_await_is_refused() -> None:
    async def hook(late: LateResult) -> None: ...

    with pytest.raises(TypeError, match="on_late"):
        Timeout(within=1.0, on_late=hook)


def test_it_shows_itself() -> None:
    assert str(Timeout(within=2.5, name="login")) == "login: within 2.5 s"


# ---- threads


def test_a_sync_call_in_time_returns_its_result_and_sees_the_context() -> None:
    variable = contextvars.ContextVar("variable", default=0)
    variable.set(5)
    seen = []

    @Timeout(within=30.0)
    def work(value: int) -> int:
        seen.append(threading.current_thread())
        return value + variable.get()

    assert work(2) == 7
    assert seen != [threading.current_thread()]


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit], ids=lambda kind: kind.__name__)
def test_what_a_sync_call_raises_arrives_as_the_same_object(kind: type[BaseException]) -> None:
    error = kind("mine")

    def fail() -> None:
        raise error

    with pytest.raises(kind) as caught:
        Timeout(within=30.0).call(fail)
    assert caught.value is error


@pytest.fixture
def hanging() -> Any:
    """A function that hangs until the test is over, or sets its event."""
    go_on = threading.Event()
    yield go_on
    go_on.set()


@pytest.mark.real_time
def test_a_sync_call_that_takes_too_long_is_abandoned_and_counted(hanging: threading.Event) -> None:
    timeout = Timeout(within=0.01)
    with pytest.raises(CallTimeout, match=r"wait did not end within 0\.01 s"):
        timeout.call(hanging.wait)
    assert timeout.statistics().abandoned == 1
    hanging.set()
    eventually(lambda: timeout.statistics().late == 1)
    found = timeout.statistics()
    assert (found.abandoned, found.late_errors) == (0, 0)


@pytest.mark.real_time
def test_the_error_of_an_abandoned_call_is_told(hanging: threading.Event) -> None:
    told: list[LateResult] = []
    timeout = Timeout(within=0.01, on_late=told.append)

    def fail_late() -> None:
        hanging.wait()
        raise ValueError("late")

    with pytest.raises(CallTimeout):
        timeout.call(fail_late)
    hanging.set()
    eventually(lambda: bool(told))
    assert (told[0].what, str(told[0].error)) == ("fail_late", "late")
    assert timeout.statistics().late_errors == 1


@pytest.mark.real_time
def test_without_a_hook_the_error_of_an_abandoned_call_is_logged(hanging: threading.Event) -> None:
    def fail_late() -> None:
        hanging.wait()
        raise ValueError("late")

    with capture_logs() as logs:
        with pytest.raises(CallTimeout):
            Timeout(within=0.01).call(fail_late)
        hanging.set()
        eventually(lambda: bool(logs))
    assert (logs[0]["error"], logs[0]["text"]) == ("ValueError", "late")


@pytest.mark.real_time
def test_while_too_many_abandoned_calls_hang_none_is_started(hanging: threading.Event) -> None:
    timeout = Timeout(within=0.01, abandoned=2)
    for _ in range(2):
        with pytest.raises(CallTimeout):
            timeout.call(hanging.wait)
    with pytest.raises(BulkheadFull) as caught:
        timeout.call(lambda: pytest.fail("it was started"))
    assert caught.value.limit == 2
    hanging.set()
    eventually(lambda: timeout.statistics().abandoned == 0)
    assert timeout.call(int) == 0


async def test_a_sync_call_in_an_event_loop_is_refused() -> None:
    with pytest.raises(RuntimeError, match="block the event loop"):
        Timeout(within=1.0).call(int)


def test_a_coroutine_from_a_sync_function_is_refused() -> None:
    with pytest.raises(TypeError, match="async def"):
        Timeout(within=30.0).call(answer.__call__)


async def test_a_sync_block_is_measured() -> None:
    with pytest.raises(CallTimeout), Timeout(within=5.0) as deadline:
        assert isinstance(deadline, Deadline)
        await anyio.sleep(5.0)
    with Timeout(within=5.0):
        await anyio.sleep(4.0)


async def test_a_sync_block_that_failed_keeps_its_error() -> None:
    with pytest.raises(ValueError, match="mine"), Timeout(within=5.0):
        await anyio.sleep(9.0)
        raise ValueError("mine")


@pytest.mark.real_time
def test_eight_threads_do_what_one_does() -> None:
    timeout = Timeout(within=60.0)
    double = timeout(lambda value: value * 2)
    results: list[int] = []

    def work() -> None:
        results.extend(double(value) for value in range(20))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == sorted(list(range(0, 40, 2)) * 8)
    assert timeout.statistics().calls == 160
