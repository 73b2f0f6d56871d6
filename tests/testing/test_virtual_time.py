"""Virtual time on both loops."""

from __future__ import annotations

import asyncio
import os
import queue
import signal
import socket
import threading
import time

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest
import trio

from supervisor.testing import run_seeded, virtual_backend, virtual_time

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


async def test_time_stands_still_while_a_thread_works() -> None:
    gate = threading.Event()
    threading.Timer(0.05, gate.set).start()
    with anyio.fail_after(0.001):
        assert await anyio.to_thread.run_sync(gate.wait, 5.0, abandon_on_cancel=True)
    assert anyio.current_time() == 0


async def test_time_stands_still_while_the_loops_own_threads_work(anyio_backend_name: str) -> None:
    gate = threading.Event()
    threading.Timer(0.05, gate.set).start()
    with anyio.fail_after(0.001):
        if anyio_backend_name == "asyncio":
            assert await asyncio.to_thread(gate.wait, 5.0)
        else:
            assert await trio.to_thread.run_sync(gate.wait, 5.0, abandon_on_cancel=True)
    assert anyio.current_time() == 0


async def test_time_goes_on_when_the_thread_is_done() -> None:
    await anyio.to_thread.run_sync(time.sleep, 0.01)
    real = time.perf_counter()
    await anyio.sleep(3600)
    assert anyio.current_time() == pytest.approx(3600)
    assert time.perf_counter() - real < 2


async def test_a_thread_that_waits_for_time_to_pass_holds_it_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_time, "THREAD_PATIENCE", 0.02)
    told: queue.Queue[str] = queue.Queue()
    ticks = 0
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.to_thread.run_sync, told.get)
        real = time.perf_counter()
        while ticks < 200:
            await anyio.sleep(1.0)
            ticks += 1
        told.put("enough")
    assert anyio.current_time() == pytest.approx(200)
    assert time.perf_counter() - real < 3  # 200 times the patience would be 4 s


async def test_a_thread_may_wait_in_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_time, "THREAD_PATIENCE", 0.02)
    await anyio.to_thread.run_sync(anyio.from_thread.run, anyio.sleep, 100.0)
    assert anyio.current_time() == pytest.approx(100)


async def test_what_is_in_a_socket_is_read_before_time_moves() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.send(b"x")
        with anyio.fail_after(0.001):
            await anyio.wait_readable(ours)
    assert anyio.current_time() == 0


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
async def test_a_signal_is_heard_before_time_moves() -> None:
    with anyio.open_signal_receiver(signal.SIGUSR1) as signals:
        os.kill(os.getpid(), signal.SIGUSR1)
        with anyio.fail_after(0.001):
            async for number in signals:
                assert number == signal.SIGUSR1
                break


def test_there_are_two_backends() -> None:
    with pytest.raises(ValueError, match="'uvloop'; expected one of 'trio', 'asyncio'"):
        virtual_backend("uvloop")


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_a_thread_wakes_a_loop_that_waits_for_nothing_else(backend: str) -> None:
    async def main() -> str:
        return await anyio.to_thread.run_sync(lambda: time.sleep(0.01) or "done")

    assert run_seeded(main, backend=backend) == "done"
