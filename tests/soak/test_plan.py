"""Plan: every kind of fault comes again and again, in another order, and the same for the same seed."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, takewhile

from actors.simulator import faults
from tests.soak.plan import CODES, DECK, OUTAGE_EVERY, Kind, Plan, Step

SYMBOLS = ("BTCUSDT", "ETHUSDT")


def steps(seconds: float, *, seed: int = 0, every: float = 1.0) -> list[Step]:
    return list(takewhile(lambda step: step.at < seconds, Plan(SYMBOLS, 2, seed, every).steps()))


def test_the_same_seed_gives_the_same_plan_and_another_one_another() -> None:
    assert steps(100.0, seed=1) == steps(100.0, seed=1) != steps(100.0, seed=2)


def test_steps_come_in_the_order_of_their_times() -> None:
    assert all(before.at <= after.at for before, after in pairwise(steps(1_000.0)))


def test_there_is_a_fault_in_nearly_every_second() -> None:
    hurt = [step for step in steps(600.0) if step.kind is not Kind.END]
    assert 0.9 * 600 < len(hurt) <= 600


def test_every_kind_comes_equally_often_and_an_outage_now_and_then() -> None:
    length = len(DECK) + 1
    found = Counter(step.kind for step in steps(OUTAGE_EVERY * length + 1.0))
    assert {found[kind] for kind in DECK} == {OUTAGE_EVERY}
    assert found[Kind.OUTAGE] == 1


def test_what_lasts_ends_with_each_deck() -> None:
    found = steps(200.0)
    ends = [step.at for step in found if faults.Resume() in step.commands]
    assert len(ends) >= 10
    assert all(later - earlier <= len(DECK) + 2 for earlier, later in pairwise(ends))


def test_who_refuses_accepts_again_and_who_is_slow_is_fast_again() -> None:
    found = steps(1_000.0)
    for hurt, end in ((faults.Refuse, faults.Accept), (faults.Latency, faults.Latency)):
        begun = [step.at for step in found if step.kind is not Kind.END and any(isinstance(one, hurt) for one in step.commands)]
        ended = [step.at for step in found if step.kind is Kind.END and any(isinstance(one, end) for one in step.commands)]
        assert all(any(0.0 < later - at <= 4.0 for later in ended) for at in begun if at < 990.0)


def test_who_asks_for_more_faults_gets_the_same_ones_sooner() -> None:
    assert [step.kind for step in steps(20.0, every=0.1)] == [step.kind for step in steps(200.0)]


def test_no_connection_is_closed_with_the_code_for_too_many_messages() -> None:
    codes = {one.code for step in steps(1_000.0) for one in step.commands if isinstance(one, faults.Close)}
    assert codes == set(CODES)
    assert 1008 not in codes
