from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs

from actors.errors import BulkheadFull, ConnectFailed, RateLimited, ValidationError
from actors.resilience import Hedge, RetryBudget
from actors.resilience.hedging.plan import HedgePlan, Next
from supervisor import SpecError
from supervisor.testing.virtual_time import virtual_backend
from tests.resilience.eventually import eventually

pytestmark = pytest.mark.anyio


def lost(reason: str = "gone") -> ConnectFailed:
    return ConnectFailed("wss://example.org", reason)


class Server:
    """Answers the n-th call after its delay, or fails."""

    def __init__(self, *answers: tuple[float, Any]) -> None:
        self.answers = answers
        self.began: list[float] = []
        self.cancelled: list[int] = []
        self.left = 0

    async def fetch(self) -> Any:
        number = len(self.began)
        after, answer = self.answers[number]
        self.began.append(anyio.current_time() - self.start)
        try:
            await anyio.sleep(after)
        except anyio.get_cancelled_exc_class():
            self.cancelled.append(number)
            raise
        finally:
            self.left += 1
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def race(self, hedge: Hedge) -> Any:
        self.start = anyio.current_time()
        try:
            return await hedge.acall(self.fetch)
        finally:
            assert self.left == len(self.began), "something outlived the call"


def hedge(delay: Any = 1.0, **options: Any) -> Hedge:
    return Hedge(delay=delay, idempotent=True, **options)


# ---- the plan


def test_the_plan_starts_the_next_one_when_nothing_runs() -> None:
    plan = HedgePlan(1)
    assert plan.start() == 1
    assert plan.failed(1, ValueError(), final=False, again_now=True) is Next.START
    assert plan.start() == 2
    assert not plan.may_start
    assert plan.failed(2, KeyError(), final=False, again_now=True) is Next.OVER
    assert isinstance(plan.error, ValueError)


def test_the_plan_waits_for_what_runs() -> None:
    plan = HedgePlan(1)
    plan.start()
    plan.start()
    assert plan.failed(1, ValueError(), final=False, again_now=True) is Next.WAIT
    assert plan.won()
    assert plan.over


def test_the_plan_starts_nothing_at_once_where_a_pause_is_asked_for() -> None:
    plan = HedgePlan(3)
    plan.start()
    assert plan.failed(1, ValueError(), final=False, again_now=False) is Next.OVER


def test_a_final_error_ends_the_race() -> None:
    plan = HedgePlan(2)
    plan.start()
    plan.start()
    assert plan.failed(2, KeyError(), final=True, again_now=True) is Next.OVER
    assert not plan.won()
    assert isinstance(plan.error, KeyError)


def test_only_the_first_answer_wins() -> None:
    plan = HedgePlan(1)
    plan.start()
    plan.start()
    assert [plan.won(), plan.won()] == [True, False]


# ---- tasks


async def test_a_fast_answer_starts_nothing_else() -> None:
    server = Server((0.9, "first"))
    policy = hedge(1.0)
    assert await server.race(policy) == "first"
    assert server.began == [0.0]
    assert policy.statistics().hedges == 0


async def test_a_slow_call_is_overtaken_and_cancelled() -> None:
    server = Server((60.0, "first"), (0.5, "second"))
    policy = hedge(1.0)
    assert await server.race(policy) == "second"
    assert (server.began, server.cancelled) == ([0.0, pytest.approx(1.0)], [0])
    found = policy.statistics()
    assert (found.calls, found.hedges, found.won) == (1, 1, 1)


async def test_the_first_call_may_still_win() -> None:
    server = Server((1.5, "first"), (60.0, "second"))
    policy = hedge(1.0)
    assert await server.race(policy) == "first"
    assert server.cancelled == [1]
    assert policy.statistics().won == 0


async def test_without_a_delay_all_start_at_once() -> None:
    server = Server((60.0, "first"), (60.0, "second"), (1.0, "third"))
    assert await server.race(hedge(0, hedges=2)) == "third"
    assert server.began == [pytest.approx(0.0)] * 3


async def test_the_delay_may_be_asked_for() -> None:
    server = Server((60.0, "first"), (60.0, "second"), (1.0, "third"))
    delays = iter([2.0, 5.0])
    assert await server.race(hedge(lambda: next(delays), hedges=2)) == "third"
    assert server.began == [pytest.approx(0.0), pytest.approx(2.0), pytest.approx(7.0)]


@pytest.mark.parametrize("delay", [lambda: 1 / 0, lambda: -1.0], ids=["raises", "negative"])
async def test_a_delay_that_nobody_knows_starts_nothing_and_breaks_nothing(delay: Callable[[], float]) -> None:
    server = Server((9.0, "first"))
    with capture_logs() as logs:
        assert await server.race(hedge(delay)) == "first"
    assert logs[0]["event"] == "the function `delay` failed"


async def test_an_early_failure_starts_the_next_one_at_once() -> None:
    server = Server((0.25, lost()), (0.25, "second"))
    assert await server.race(hedge(5.0)) == "second"
    assert server.began == [0.0, pytest.approx(0.25)]


async def test_a_server_that_asks_for_a_pause_gets_it() -> None:
    error = RateLimited("slow down", retry_after=5.0)
    server = Server((0.25, error))
    with pytest.raises(RateLimited) as caught:
        await server.race(hedge(5.0))
    assert caught.value is error


async def test_a_failure_does_not_end_what_still_runs() -> None:
    server = Server((3.0, "first"), (0.5, lost()))
    assert await server.race(hedge(1.0)) == "first"


async def test_if_all_fail_the_first_error_is_raised_with_notes() -> None:
    first = lost("one")
    server = Server((2.0, first), (2.0, lost("two")))
    policy = hedge(1.0)
    with pytest.raises(ConnectFailed) as caught:
        await server.race(policy)
    assert caught.value is first
    assert [note[:27] for note in first.__notes__] == ["[hedge] call 1 of 2 failed:", "[hedge] call 2 of 2 failed:"]
    assert policy.statistics().failed == 1


async def test_an_error_that_would_come_again_ends_the_race() -> None:
    error = ValidationError("symbol", "?", "one that is traded")
    server = Server((1.5, error), (60.0, "second"))
    with pytest.raises(ValidationError) as caught:
        await server.race(hedge(1.0))
    assert caught.value is error
    assert server.cancelled == [1]


async def test_on_says_which_errors_are_worth_another_call() -> None:
    server = Server((0.5, KeyError("x")), (0.5, "second"))
    assert await server.race(hedge(5.0, on=KeyError)) == "second"
    server = Server((0.5, lost()))
    with pytest.raises(ConnectFailed):
        await server.race(hedge(5.0, on=KeyError))


@pytest.mark.parametrize("number", [0, 1], ids=["first", "second"])
async def test_a_keyboard_interrupt_arrives_as_the_same_object(number: int) -> None:
    error = KeyboardInterrupt("mine")
    answers: list[tuple[float, Any]] = [(60.0, "first"), (60.0, "second")]
    answers[number] = (2.0, error)
    server = Server(*answers)
    with pytest.raises(KeyboardInterrupt) as caught:
        await server.race(hedge(1.0))
    assert caught.value is error
    assert server.cancelled == [1 - number]


async def test_a_cancellation_from_outside_ends_all_and_passes() -> None:
    server = Server((60.0, "first"), (60.0, "second"))
    with anyio.move_on_after(3.0) as outer:
        await server.race(hedge(1.0))
    assert outer.cancelled_caught
    assert sorted(server.cancelled) == [0, 1]


@pytest.mark.parametrize("anyio_backend", [virtual_backend("asyncio")], ids=["asyncio"])
async def test_asyncios_own_cancellation_ends_all_and_passes() -> None:
    server = Server((60.0, "first"), (60.0, "second"))
    task = asyncio.ensure_future(server.race(hedge(1.0)))
    await asyncio.sleep(3.0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(server.cancelled) == [0, 1]


@pytest.mark.parametrize("anyio_backend", [virtual_backend("asyncio")], ids=["asyncio"])
@pytest.mark.parametrize("number", [0, 1], ids=["first", "second"])
async def test_a_call_that_awaits_what_was_cancelled_ends_the_race(number: int) -> None:
    gone = asyncio.get_running_loop().create_future()
    gone.cancel()
    calls = 0

    async def fetch() -> None:
        nonlocal calls
        calls += 1
        if calls == number + 1:
            await gone
        await asyncio.sleep(60.0)

    with pytest.raises(asyncio.CancelledError):
        await hedge(1.0).acall(fetch)


async def test_the_first_call_runs_in_the_callers_task() -> None:
    tasks = []

    async def fetch() -> None:
        tasks.append(anyio.get_current_task().id)

    await hedge(1.0).acall(fetch)
    assert tasks == [anyio.get_current_task().id]


async def test_without_a_budget_no_other_call_starts() -> None:
    budget = RetryBudget(capacity=10, cost=10, minimum=0)
    server = Server((60.0, "first"), (0.5, "second"))
    assert await server.race(hedge(1.0, budget=budget)) == "second"
    assert budget.statistics().tokens == 10, "a hedge that won gives back what it cost"
    assert budget.take("another") == 10
    server = Server((9.0, "first"))
    policy = hedge(1.0, budget=budget)
    assert await server.race(policy) == "first"
    assert policy.statistics().suppressed == 1


async def test_a_failure_without_a_budget_ends_the_race() -> None:
    budget = RetryBudget(capacity=10, cost=10, minimum=0)
    budget.take("another")
    server = Server((0.5, lost()))
    with pytest.raises(ConnectFailed):
        await server.race(hedge(1.0, budget=budget))


async def test_a_block_calls_through_it() -> None:
    async def fetch(symbol: str) -> str:
        return symbol

    async with hedge(1.0) as race:
        assert await race(fetch, "BTC") == "BTC"
    with pytest.raises(RuntimeError, match="over"):
        race(fetch, "BTC")


async def test_two_races_at_once_do_not_mix() -> None:
    policy = hedge(1.0)
    slow, fast = Server((60.0, 1), (5.0, "slow")), Server((60.0, 1), (0.5, "fast"))
    results: list[str] = []

    async def run(server: Server) -> None:
        results.append(await server.race(policy))

    async with anyio.create_task_group() as group:
        group.start_soon(run, slow)
        group.start_soon(run, fast)
    assert results == ["fast", "slow"]
    assert policy.statistics().won == 2


# ---- options


@pytest.mark.parametrize(
    "options",
    [
        {"delay": 1.0, "idempotent": False},
        {"delay": -1.0, "idempotent": True},
        {"delay": 1.0, "idempotent": True, "hedges": 0},
        {"delay": 1.0, "idempotent": True, "budget": 3},
        {"delay": 1.0, "idempotent": True, "on": KeyboardInterrupt},
    ],
    ids=["not idempotent", "delay", "hedges", "budget", "on"],
)
def test_options_that_cannot_be_meant_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match="Hedge"):
        Hedge(**options)


def test_nobody_hedges_by_accident() -> None:
    with pytest.raises(TypeError, match="idempotent"):
        Hedge(delay=1.0)


def test_it_shows_itself() -> None:
    assert str(hedge(0.25, hedges=2)) == "hedge: 2 more after 0.25 s each"


# ---- threads


@pytest.fixture
def hanging() -> Any:
    go_on = threading.Event()
    yield go_on
    go_on.set()


def in_turn(*answers: Callable[[], Any]) -> Callable[[], Any]:
    waiting = iter(answers)

    def call() -> Any:
        return next(waiting)()

    return call


def fail(error: BaseException) -> Callable[[], Any]:
    def raise_it() -> Any:
        raise error

    return raise_it


@pytest.mark.real_time
def test_a_slow_sync_call_is_overtaken_and_abandoned(hanging: threading.Event) -> None:
    policy = hedge(0.01)
    assert policy.call(in_turn(hanging.wait, lambda: "second")) == "second"
    assert policy.statistics().abandoned == 1
    hanging.set()
    eventually(lambda: policy.statistics().abandoned == 0)


def test_an_early_failure_of_a_sync_call_starts_the_next_one_at_once() -> None:
    assert hedge(60.0).call(in_turn(fail(lost()), lambda: "second")) == "second"


def test_if_all_sync_calls_fail_the_first_error_is_raised() -> None:
    first = lost()
    with pytest.raises(ConnectFailed) as caught:
        hedge(60.0).call(in_turn(fail(first), fail(lost())))
    assert caught.value is first


def test_a_keyboard_interrupt_in_a_thread_arrives_as_the_same_object() -> None:
    error = KeyboardInterrupt("mine")
    with pytest.raises(KeyboardInterrupt) as caught:
        hedge(60.0).call(fail(error))
    assert caught.value is error


def test_sync_calls_see_the_context() -> None:
    variable = contextvars.ContextVar("variable", default=0)
    variable.set(5)
    assert hedge(60.0).call(variable.get) == 5


@pytest.mark.real_time
def test_while_too_many_losers_hang_nothing_begins(hanging: threading.Event) -> None:
    policy = hedge(0.01, abandoned=1)
    policy.call(in_turn(hanging.wait, lambda: "second"))
    with pytest.raises(BulkheadFull):
        policy.call(lambda: pytest.fail("it was started"))


async def test_a_sync_call_in_an_event_loop_is_refused() -> None:
    with pytest.raises(RuntimeError, match="block the event loop"):
        hedge(1.0).call(int)


def test_a_sync_block_calls_through_it() -> None:
    with hedge(60.0) as race:
        assert race(abs, -3) == 3


@pytest.mark.real_time
def test_eight_threads_do_what_one_does() -> None:
    policy = hedge(60.0)
    double = policy(lambda value: value * 2)
    results: list[int] = []

    def work() -> None:
        results.extend(double(value) for value in range(10))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == sorted(list(range(0, 20, 2)) * 8)
    assert policy.statistics().calls == 80
