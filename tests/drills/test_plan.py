"""Which drills there are, and in which order."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from actors.drills.plan import CALM, STABLE_AFTER, Client, Drill, Fault, make_plan


def test_ours_goes_first_and_alone_and_the_others_side_by_side() -> None:
    stages = make_plan(tuple(Client), (Fault.ABORT,), 3)
    assert stages == [
        [[Drill(Client.OURS, Fault.ABORT, 3)]],
        [[Drill(Client.CCXT, Fault.ABORT, 3)], [Drill(Client.PYTHON_BINANCE, Fault.ABORT, 3)]],
    ]


def test_a_lane_has_every_fault_once_in_the_order_of_the_table() -> None:
    (((*drills,),),) = make_plan((Client.OURS, Client.OURS), (Fault.SILENCE, Fault.ABORT, Fault.ABORT), 1)
    assert [drill.fault for drill in drills] == [Fault.ABORT, Fault.SILENCE]


def test_nobody_to_hurt_is_no_stage() -> None:
    assert make_plan((), tuple(Fault), 1) == []


@pytest.mark.parametrize("client", Client)
def test_each_client_has_a_module(client: Client) -> None:
    assert find_spec(client.module) is not None


def test_a_connection_is_stable_before_the_next_fault() -> None:
    assert STABLE_AFTER < CALM
