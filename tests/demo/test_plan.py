"""The fault plan."""

from __future__ import annotations

import pytest

from actors.demo.plan import Fault, Phase, make_plan

SYMBOLS = ["BTC/USDT", "ETH/USDT", "BNB/USDT"]


def test_the_plan_has_every_fault_once() -> None:
    assert sorted(phase.fault.name for phase in make_plan(SYMBOLS, 0)) == sorted(fault.name for fault in Fault)


def test_it_begins_without_a_fault() -> None:
    assert make_plan(SYMBOLS, 0)[0].fault is Fault.NOTHING


@pytest.mark.parametrize("seed", [0, 1, 2**40, -1])
def test_the_same_seed_chooses_the_same_victims(seed: int) -> None:
    assert make_plan(SYMBOLS, seed) == make_plan(SYMBOLS, seed)


def test_seeds_choose_different_victims() -> None:
    assert len({tuple(phase.symbol for phase in make_plan(SYMBOLS, seed)) for seed in range(20)}) > 3


def test_every_victim_is_in_the_market() -> None:
    assert {phase.symbol for seed in range(20) for phase in make_plan(SYMBOLS, seed)} <= {"", *SYMBOLS}


def test_a_market_of_one_symbol_has_a_plan() -> None:
    assert {phase.symbol for phase in make_plan(["BTC/USDT"], 3)} == {"", "BTC/USDT"}


def test_killing_the_manager_must_not_leave_a_hole() -> None:
    (phase,) = [phase for phase in make_plan(SYMBOLS, 0) if phase.fault is Fault.KILL_MANAGER]
    assert not phase.leaves_a_hole


def test_the_title_names_the_victim() -> None:
    assert Phase(Fault.GAP, symbol="BTC/USDT").title == "gap in a book (BTC/USDT)"
    assert Phase(Fault.ABORT).title == "sockets aborted"
