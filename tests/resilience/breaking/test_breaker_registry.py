from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from actors.errors import NetworkError
from actors.resilience import BreakerConfig, BreakerRegistry, BreakerState, CircuitBreaker, Transition, default_breakers
from supervisor import SpecError


@pytest.fixture
def registry() -> BreakerRegistry:
    return BreakerRegistry()


@pytest.fixture
def defaults() -> Iterator[BreakerRegistry]:
    yield default_breakers
    default_breakers.clear()


def test_the_same_name_gives_the_same_breaker(registry: BreakerRegistry) -> None:
    assert registry.get("binance") is registry.get("binance")


def test_another_name_gives_another_breaker(registry: BreakerRegistry) -> None:
    assert registry.get("binance") is not registry.get("kraken")


def test_the_first_to_ask_says_the_options(registry: BreakerRegistry) -> None:
    breaker = registry.get("binance", failures=3, ignore=KeyError)
    assert (breaker.name, breaker.config.failures, breaker.ignore) == ("binance", 3, KeyError)


def test_who_names_no_options_takes_it_as_it_is(registry: BreakerRegistry) -> None:
    made = registry.get("binance", failures=3)
    assert registry.get("binance") is made


def test_who_names_the_same_options_gets_it(registry: BreakerRegistry) -> None:
    made = registry.get("binance", BreakerConfig(failures=3), failure_on=(OSError, NetworkError))
    assert registry.get("binance", failures=3, open_for=30.0, failure_on=(OSError, NetworkError)) is made


def test_other_options_are_refused_and_both_are_said(registry: BreakerRegistry) -> None:
    registry.get("binance", failures=3)
    with pytest.raises(ValueError, match="failures") as caught:
        registry.get("binance", failures=4)
    assert str(caught.value) == (
        "failures of the breaker 'binance' is 4; expected 3, with which it was made; leave the option out, or take another name"
    )


def test_another_configuration_is_refused(registry: BreakerRegistry) -> None:
    registry.get("binance")
    with pytest.raises(SpecError, match=r"open_for of the breaker 'binance' is 10\.0; expected 30\.0"):
        registry.get("binance", BreakerConfig(open_for=10.0))


def test_another_judgement_of_errors_is_refused(registry: BreakerRegistry) -> None:
    registry.get("binance")
    with pytest.raises(SpecError, match="failure_on of the breaker 'binance'"):
        registry.get("binance", failure_on=OSError)


def test_a_wrong_option_makes_no_breaker(registry: BreakerRegistry) -> None:
    with pytest.raises(SpecError):
        registry.get("binance", failures=0)
    assert registry.all() == ()


def test_one_name_too_many_is_refused() -> None:
    registry = BreakerRegistry(limit=2)
    registry.get("a"), registry.get("b")
    with pytest.raises(SpecError) as caught:
        registry.get("c")
    assert str(caught.value) == (
        "BreakerRegistry.limit is 2; expected no more names than that, and 'c' would be one more; name what is guarded (an "
        "exchange, an endpoint), not a request, or type BreakerRegistry(limit=4)"
    )


def test_at_the_limit_the_known_names_still_work() -> None:
    registry = BreakerRegistry(limit=1)
    assert registry.get("a") is registry.get("a")


def test_all_breakers_are_there_in_their_order(registry: BreakerRegistry) -> None:
    made = registry.get("b"), registry.get("a")
    assert registry.all() == made


def test_the_statistics_are_by_name(registry: BreakerRegistry) -> None:
    registry.get("b").isolate(by="a test")
    registry.get("a")
    assert {name: one.state for name, one in registry.statistics().items()} == {
        "b": BreakerState.ISOLATED,
        "a": BreakerState.CLOSED,
    }


def test_a_listener_hears_of_breakers_that_are_made_before_and_after(registry: BreakerRegistry) -> None:
    heard: list[Transition] = []
    before = registry.get("before")
    registry.listen(heard.append)
    before.isolate(by="a test")
    registry.get("after").isolate(by="a test")
    assert [moved.name for moved in heard] == ["before", "after"]


def test_a_cleared_registry_makes_them_anew(defaults: BreakerRegistry) -> None:
    before = defaults.get("binance", failures=3)
    defaults.clear()
    assert defaults.get("binance", failures=4) is not before


@pytest.mark.real_time
def test_eight_threads_that_ask_at_once_get_one_breaker(registry: BreakerRegistry) -> None:
    together, found = threading.Barrier(8), list[CircuitBreaker]()

    def ask() -> None:
        together.wait(10.0)
        found.extend(registry.get(f"name {number}") for number in range(50))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(found), len(set(map(id, found)))) == (400, 50)


def test_a_breaker_that_must_be_there_is_found_by_name(registry: BreakerRegistry) -> None:
    assert registry.get("binance") is registry.find("binance")


def test_a_slip_in_a_name_makes_no_breaker(registry: BreakerRegistry) -> None:
    registry.get("binance")
    with pytest.raises(LookupError, match="no breaker 'binnance'; did you mean 'binance'"):
        registry.find("binnance")
    assert len(registry.all()) == 1


def test_it_shows_its_breakers_and_their_states(registry: BreakerRegistry) -> None:
    registry.get("rest")
    registry.get("binance").isolate(by="a test")
    assert str(registry).splitlines() == [
        "breakers: 2",
        "  CircuitBreaker rest: opens at 5 failures in a row, for 30 s; now closed",
        "  CircuitBreaker binance: opens at 5 failures in a row, for 30 s; now isolated",
    ]
