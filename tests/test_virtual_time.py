import time

import anyio
import pytest

pytestmark = pytest.mark.anyio


async def test_an_hour_passes_without_waiting() -> None:
    began, real = anyio.current_time(), time.perf_counter()
    await anyio.sleep(3600)
    assert anyio.current_time() - began == pytest.approx(3600)
    assert time.perf_counter() - real < 5


async def test_sleepers_wake_in_order_of_their_deadlines() -> None:
    order: list[float] = []

    async def sleeper(delay: float) -> None:
        await anyio.sleep(delay)
        order.append(delay)

    async with anyio.create_task_group() as group:
        for delay in (3.0, 0.1, 2.0):
            group.start_soon(sleeper, delay)
    assert order == [0.1, 2.0, 3.0]


async def test_a_deadline_fires_at_its_time() -> None:
    with anyio.move_on_after(5) as scope:
        await anyio.sleep_forever()
    assert scope.cancelled_caught
