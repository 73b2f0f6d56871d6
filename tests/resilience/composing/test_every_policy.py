"""Every policy: a cancellation, or what is no exception, passes through it as it is, and it keeps no error alive."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from actors.errors import ConnectFailed
from actors.resilience import CircuitBreaker, Fallback, Hedge, Timeout, handle_errors
from actors.resilience.limiting.bulkhead import Bulkhead
from actors.resilience.limiting.limit import Limit
from actors.resilience.limiting.limiter import RateLimiter
from actors.resilience.policy import Policy
from supervisor.testing.virtual_time import virtual_backend
from tests.resilience.composing.policies import _one, lost, retry, whole

pytestmark = pytest.mark.anyio
on_asyncio = pytest.mark.parametrize("anyio_backend", [virtual_backend("asyncio")], ids=["asyncio"])


POLICIES: dict[str, Callable[[], Policy[Any]]] = {
    "timeout": lambda: Timeout(within=90.0),
    "fallback": lambda: Fallback(value=None),
    "cached": lambda: Fallback(cached=60.0),
    "hedge": lambda: Hedge(delay=1.0, idempotent=True),
    "retry": retry,
    "breaker": lambda: CircuitBreaker("one"),
    "limiter": lambda: RateLimiter(windows=(Limit(1000, 1.0),)),
    "bulkhead": lambda: Bulkhead(limit=2),
    "handler": lambda: handle_errors("fetch", "rest"),
    "answering handler": lambda: handle_errors("fetch", "rest", fallback=None),  # a policy
    "pipeline": whole,
}
each = pytest.mark.parametrize("make", POLICIES.values(), ids=POLICIES)
BLOCKS = {name: make for name, make in POLICIES.items() if name not in ("retry", "pipeline", "answering handler")}
each_block = pytest.mark.parametrize("make", BLOCKS.values(), ids=BLOCKS)


class Call:
    """Hangs, and says whether it is over."""

    def __init__(self) -> None:
        self.began = 0
        self.over = 0

    async def hang(self) -> None:
        self.began += 1
        try:
            await anyio.sleep(60.0)
        finally:
            self.over += 1


@each
async def test_a_cancellation_from_outside_passes_and_nothing_is_left(make: Callable[[], Policy[Any]]) -> None:
    policy, call = make(), Call()
    for _ in range(3):
        with anyio.move_on_after(5.0) as outer:
            await policy.acall(call.hang)
        assert outer.cancelled_caught
    assert call.began == call.over >= 3
    assert await policy.acall(_one) == 1, "what was taken was given back"


@on_asyncio
@each
async def test_asyncios_own_cancellation_passes_as_it_is(make: Callable[[], Policy[Any]]) -> None:
    policy, call = make(), Call()
    seen: list[BaseException] = []

    async def run() -> None:
        try:
            await policy.acall(call.hang)
        except BaseException as error:
            seen.append(error)
            raise

    for _ in range(3):
        task = asyncio.ensure_future(run())
        await asyncio.sleep(0.5)
        task.cancel("mine")
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelling() == 1
    assert [(type(error), error.args) for error in seen] == [(asyncio.CancelledError, ("mine",))] * 3
    assert call.began == call.over == 3
    assert await policy.acall(_one) == 1


@each
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit], ids=lambda kind: kind.__name__)
async def test_what_is_no_exception_arrives_as_the_same_object(
    make: Callable[[], Policy[Any]], kind: type[BaseException]
) -> None:
    error = kind("mine")

    async def fail() -> None:
        await anyio.lowlevel.checkpoint()
        raise error

    policy = make()
    for _ in range(3):
        with pytest.raises(kind) as caught:
            await policy.acall(fail)
        assert caught.value is error
    assert not hasattr(error, "__notes__")
    assert await policy.acall(_one) == 1


@each
def test_what_is_no_exception_arrives_from_a_sync_call_too(make: Callable[[], Policy[Any]]) -> None:
    error = KeyboardInterrupt("mine")

    def fail() -> None:
        raise error

    policy = make()
    with pytest.raises(KeyboardInterrupt) as caught:
        policy.call(fail)
    assert caught.value is error
    assert policy.call(lambda: 1) == 1


@each_block
async def test_a_cancellation_from_outside_passes_through_a_block(make: Callable[[], Policy[Any]]) -> None:
    policy = make()
    for _ in range(3):
        with anyio.move_on_after(5.0) as outer:
            async with policy:
                await anyio.sleep(60.0)
        assert outer.cancelled_caught
    async with policy:
        pass


@each_block
async def test_what_is_no_exception_passes_through_a_block(make: Callable[[], Policy[Any]]) -> None:
    policy, error = make(), KeyboardInterrupt("mine")
    with pytest.raises(KeyboardInterrupt) as caught:
        async with policy:
            raise error
    assert caught.value is error
    with pytest.raises(KeyboardInterrupt) as caught, policy:
        raise error
    assert caught.value is error


@pytest.mark.parametrize("name", ["timeout", "cached", "hedge", "handler"])
def test_an_error_is_gone_when_nobody_has_it_any_more(name: str) -> None:
    """Without the garbage collector: no frame holds an error that holds the frame."""

    class Payload:
        pass

    payload = Payload()
    gone = weakref.ref(payload)
    error = lost()
    error.payload = payload  # only errors of a class of one's own can be referred to weakly
    errors = [error]
    del payload, error

    def fail() -> None:
        raise errors.pop() if errors else lost("a hedge")

    policy = POLICIES[name]()
    gc.disable()
    try:
        with suppress(ConnectFailed):
            policy.call(fail)
        assert gone() is None
    finally:
        gc.enable()
