from __future__ import annotations

import threading
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from structlog.testing import capture_logs

from actors.errors import ConnectFailed, ValidationError
from actors.resilience import Fallback, FallbackEvent, FallbackKind
from actors.resilience.substituting.good_results import GoodResults
from supervisor import SpecError

pytestmark = pytest.mark.anyio


def lost(reason: str = "gone") -> ConnectFailed:
    return ConnectFailed("wss://example.org", reason)


class Source:
    """A price that comes, or fails, as it is told."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.value = 1.0

    def read(self, symbol: str = "BTC", *, depth: int = 1) -> float:
        if self.error is not None:
            raise self.error
        return self.value

    async def fetch(self, symbol: str = "BTC", *, depth: int = 1) -> float:
        await anyio.lowlevel.checkpoint()
        return self.read(symbol, depth=depth)


@pytest.fixture
def source() -> Source:
    return Source()


async def test_a_value_stands_in_for_what_failed(source: Source) -> None:
    fallback = Fallback(value=-1.0)
    assert await fallback(source.fetch)() == 1.0
    source.error = lost()
    assert await fallback(source.fetch)() == -1.0
    assert fallback(source.read)() == -1.0


async def test_none_is_a_value_too(source: Source) -> None:
    source.error = lost()
    assert await Fallback(value=None).acall(source.fetch) is None


async def test_a_function_is_given_the_error(source: Source) -> None:
    async def ask_another(error: Exception) -> float:
        await anyio.sleep(1.0)
        return 2.0 if error is source.error else 0.0

    source.error = lost()
    assert await Fallback(function=ask_another).acall(source.fetch) == 2.0
    assert await Fallback(function=lambda error: 3.0).acall(source.fetch) == 3.0
    assert Fallback(function=lambda error: 3.0).call(source.read) == 3.0


async def test_somebody_else_is_asked_with_the_arguments_of_the_call() -> None:
    async def ask_another(symbol: str, *, depth: int) -> tuple[str, int]:
        return symbol, depth

    @Fallback(instead=ask_another)
    async def book(symbol: str, *, depth: int) -> tuple[str, int]:
        raise lost()

    @Fallback(instead=lambda symbol: symbol.lower())
    def name(symbol: str) -> str:
        raise lost()

    assert await book("BTCUSDT", depth=5) == ("BTCUSDT", 5)
    assert name("BTCUSDT") == "btcusdt"


async def test_a_block_has_no_arguments_to_ask_somebody_else_with() -> None:
    with pytest.raises(TypeError, match="a block has none; expected function="):
        async with Fallback(instead=print):
            pass
    with pytest.raises(TypeError, match="a block has none"), Fallback(instead=print):
        pass


async def test_the_error_of_a_function_carries_the_first_one(source: Source) -> None:
    async def ask_another(error: Exception) -> float:
        raise ValidationError("symbol", "?", "one that is traded")

    source.error = lost("gone")
    fallback = Fallback(function=ask_another)
    with pytest.raises(ValidationError) as caught:
        await fallback.acall(source.fetch)
    assert caught.value.__context__ is source.error
    assert caught.value.__notes__ == [f"[fallback] raised while it stood in for ConnectFailed: {source.error}"]
    assert fallback.statistics().failed == 1


async def test_the_last_good_result_stands_in_while_it_is_young_enough(source: Source) -> None:
    events: list[FallbackEvent] = []
    fallback = Fallback[float](cached=60.0, on_fallback=events.append)
    fetch = fallback(source.fetch)
    assert await fetch("BTC") == 1.0
    source.error = lost()
    await anyio.sleep(59.0)
    assert await fetch("BTC") == 1.0
    assert (events[0].kind, events[0].age, events[0].error) == (FallbackKind.CACHED, pytest.approx(59.0), source.error)
    await anyio.sleep(2.0)
    with pytest.raises(ConnectFailed) as caught:
        await fetch("BTC")
    assert caught.value is source.error
    assert fallback.statistics().unanswered == 1


async def test_what_is_too_old_gives_way_to_the_value(source: Source) -> None:
    fallback = Fallback(cached=60.0, value=0.0)
    await fallback.acall(source.fetch)
    source.error = lost()
    assert await fallback.acall(source.fetch) == 1.0
    await anyio.sleep(61.0)
    assert await fallback.acall(source.fetch) == 0.0
    found = fallback.statistics()
    assert (found.cached, found.values, found.kept) == (1, 1, 0)


async def test_results_are_told_apart_by_function_and_arguments(source: Source) -> None:
    fetch = Fallback(cached=60.0, value=0.0)(source.fetch)
    await fetch("BTC")
    await fetch("ETH", depth=5)
    source.error = lost()
    assert [await fetch("BTC"), await fetch("ETH"), await fetch("ETH", depth=5)] == [1.0, 0.0, 1.0]


def test_arguments_of_other_types_are_other_arguments() -> None:
    failing = False

    def show(value: object) -> str:
        if failing:
            raise lost()
        return repr(value)

    show = Fallback(cached=60.0, value="?")(show)
    assert [show(1), show(1.0), show(True)] == ["1", "1.0", "True"]
    failing = True
    assert [show(1), show(1.0), show(True)] == ["1", "1.0", "True"]


def test_a_key_of_ones_own_leaves_things_out(source: Source) -> None:
    fallback = Fallback(cached=60.0, value=0.0, key=lambda symbol, depth: symbol)
    read = fallback(source.read)
    read("BTC", depth=1)
    source.error = lost()
    assert read("BTC", depth=7) == 1.0


def test_what_cannot_be_hashed_is_not_kept_and_counted() -> None:
    fallback = Fallback(cached=60.0, value=0)
    assert fallback.call(len, [1]) == 1
    assert fallback.statistics().unhashable == 1


def test_of_more_results_than_entries_the_least_used_is_forgotten() -> None:
    results: GoodResults[str] = GoodResults(2, 60.0)
    results.remember("a", "A", 0.0)
    results.remember("b", "B", 0.0)
    assert results.recall("a", 1.0) is not None
    results.remember("c", "C", 2.0)
    assert results.recall("b", 2.0) is None
    found = results.recall("a", 2.0)
    assert found is not None
    assert (found.value, found.age, len(results)) == ("A", 2.0, 2)


async def test_a_bug_is_no_reason_for_a_fallback(source: Source) -> None:
    source.error = TypeError("unsupported operand")
    with pytest.raises(TypeError):
        await Fallback(value=0.0).acall(source.fetch)
    assert await Fallback(value=0.0, on=TypeError).acall(source.fetch) == 0.0


async def test_on_names_classes_or_asks(source: Source) -> None:
    source.error = lost()
    with pytest.raises(ConnectFailed):
        await Fallback(value=0.0, on=(KeyError, ValidationError)).acall(source.fetch)
    assert await Fallback(value=0.0, on=[ConnectFailed]).acall(source.fetch) == 0.0  # as a file has it
    assert await Fallback(value=0.0, on=lambda error: error is source.error).acall(source.fetch) == 0.0


@pytest.mark.parametrize("on", [ConnectFailed, lambda error: isinstance(error, ConnectFailed)], ids=["class", "predicate"])
async def test_a_group_is_answered_only_if_each_error_in_it_is(source: Source, on: Any) -> None:
    fallback = Fallback(value=0.0, on=on)
    source.error = ExceptionGroup("both", [lost(), lost()])
    assert await fallback.acall(source.fetch) == 0.0
    source.error = ExceptionGroup("both", [lost(), KeyError("x")])
    with pytest.raises(ExceptionGroup):
        await fallback.acall(source.fetch)


async def test_a_predicate_that_fails_leaves_the_error_as_it_was(source: Source) -> None:
    def broken(error: Exception) -> bool:
        raise ZeroDivisionError

    source.error = lost()
    with capture_logs() as logs, pytest.raises(ConnectFailed):
        await Fallback(value=0.0, on=broken).acall(source.fetch)
    assert logs[0]["error"] == "ZeroDivisionError"


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit], ids=lambda kind: kind.__name__)
async def test_what_is_no_exception_passes(source: Source, kind: type[BaseException]) -> None:
    source.error = kind()
    for call in (lambda: Fallback(value=0.0).call(source.read), lambda: Fallback(value=0.0, cached=1.0).call(source.read)):
        with pytest.raises(kind) as caught:
            call()
        assert caught.value is source.error


async def test_a_hook_that_fails_breaks_nothing(source: Source) -> None:
    def hook(event: FallbackEvent) -> None:
        raise ZeroDivisionError

    source.error = lost()
    with capture_logs() as logs:
        assert await Fallback(value=0.0, on_fallback=hook).acall(source.fetch) == 0.0
    assert logs[0]["error"] == "ZeroDivisionError"


async def test_a_block_sees_what_stands_in(source: Source) -> None:
    fallback = Fallback(cached=60.0, value=0.0)
    async with fallback as outcome:
        outcome.value = await source.fetch()
    assert (outcome.value, outcome.error, outcome.age) == (1.0, None, None)
    source.error = lost()
    await anyio.sleep(10.0)
    async with fallback as outcome:
        outcome.value = await source.fetch()
    assert (outcome.value, outcome.error, outcome.kind) == (1.0, source.error, FallbackKind.CACHED)
    assert outcome.age == pytest.approx(10.0)
    await anyio.sleep(60.0)
    with fallback as outcome:
        outcome.value = source.read()
    assert (outcome.value, outcome.age, outcome.kind) == (0.0, None, FallbackKind.VALUE)


async def test_a_block_that_set_nothing_says_so() -> None:
    async with Fallback(value=0.0) as outcome:
        pass
    with pytest.raises(LookupError, match=r"outcome\.value"):
        outcome.value


async def test_two_blocks_at_once_have_an_outcome_each(source: Source) -> None:
    fallback = Fallback(value=0)
    seen = []

    async def block(value: int, fails: bool) -> None:
        async with fallback as outcome:
            outcome.value = value
            await anyio.sleep(value)
            if fails:
                raise lost()
        seen.append((outcome.value, outcome.error is None))

    async with anyio.create_task_group() as group:
        group.start_soon(block, 1, True)
        group.start_soon(block, 2, False)
    assert seen == [(0, False), (2, True)]


def test_a_sync_call_cannot_await_a_function() -> None:
    async def ask_another(error: Exception) -> float:
        return 0.0

    fallback = Fallback(function=ask_another)
    with pytest.raises(TypeError, match="async def"):
        fallback(lambda: 0.0)
    with pytest.raises(TypeError, match="async def"), fallback:
        pass


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"value": 1, "function": print},
        {"instead": print, "function": print},
        {"cached": 0},
        {"value": 1, "entries": 0},
        {"value": 1, "on": int},
        {"function": 3},
    ],
    ids=["nothing", "two", "two functions", "no time", "no entries", "no error", "no function"],
)
def test_options_that_cannot_be_meant_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match="Fallback"):
        Fallback(**options)


def test_it_shows_itself_without_secrets() -> None:
    assert (
        str(Fallback(cached=60.0, value="api_key=abc"))
        == "fallback: the last good result for 60 s, then the value 'api_key=***'"
    )


@pytest.mark.real_time
def test_eight_threads_do_what_one_does() -> None:
    fallback = Fallback(cached=60.0, value=-1, entries=50)

    @fallback
    def read(number: int, fails: bool) -> int:
        if fails:
            raise lost()
        return number

    results: list[int] = []

    def work(own: int) -> None:
        for number in range(own * 5, own * 5 + 5):
            results.extend((read(number, fails=False), read(number, fails=True)))

    threads = [threading.Thread(target=work, args=(own,)) for own in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Another argument is another key: nothing good is known of calls that always fail.
    assert sorted(results) == sorted([-1] * 40 + list(range(40)))
    found = fallback.statistics()
    assert (found.values, found.kept) == (40, 40)


def test_an_object_with_an_async_call_is_async_too() -> None:
    class Other:
        async def __call__(self, error: Exception) -> str:
            return "other"

    with pytest.raises(TypeError, match="an `async def`"):
        Fallback(function=Other())(lambda: "own")


def test_a_clock_is_a_function() -> None:
    with pytest.raises(SpecError, match=r"Fallback\.clock is 5; expected a function"):
        Fallback(value=0, clock=5)
