"""How fast bytes pass, in virtual time on both loops."""

from __future__ import annotations

import anyio
import pytest

from actors.simulator.valve import Valve

pytestmark = pytest.mark.anyio


async def took(valve: Valve, count: int) -> float:
    began = anyio.current_time()
    await valve.passed(count)
    return anyio.current_time() - began


async def test_an_open_valve_lets_anything_pass_at_once() -> None:
    valve = Valve()

    assert await took(valve, 10**9) == 0.0
    assert valve.slice(65_536) == 65_536


async def test_so_many_bytes_take_as_long_as_the_rate_says() -> None:
    valve = Valve()
    valve.set(1000.0)

    assert await took(valve, 2500) == pytest.approx(2.5)
    assert (valve.slice(65_536), valve.slice(10)) == (50, 10)


async def test_a_shut_valve_waits_until_it_is_opened() -> None:
    valve = Valve()
    valve.set(0.0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_set_later, valve, 70.0, None)
        assert await took(valve, 1) == pytest.approx(70.0)
    assert valve.slice(65_536) == 65_536


async def test_what_has_passed_counts_when_the_rate_changes() -> None:
    valve = Valve()
    valve.set(100.0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_set_later, valve, 5.0, 50.0)
        assert await took(valve, 1000) == pytest.approx(5.0 + 10.0)


async def _set_later(valve: Valve, seconds: float, rate: float | None) -> None:
    await anyio.sleep(seconds)
    valve.set(rate)
