"""The contract of `ports.Transport` and `ports.Channel`, for any implementation.

Subclass `TransportContract`, say in `exchange` how to stand up the other side, and every promise of the port is tested.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any, Protocol

import anyio
import pytest
from anyio.lowlevel import checkpoint

from actors.errors import ConnectFailed, ConnectionLost
from actors.ports import Channel, Frame, FrameKind, Transport

PATIENCE = 30.0
"""Seconds after which a test hangs. Nothing here is expected to take long, so it says nothing about the machine's speed."""


class Server(Protocol):
    """The exchange's end of one connection, as the contract needs it."""

    async def send(self, *payloads: str | bytes) -> None: ...
    async def ping(self, payload: bytes = b"") -> None: ...
    async def close(self, code: int = 1000, reason: str = "") -> None: ...
    async def abort(self) -> None: ...
    async def freeze(self) -> None: ...
    async def received(self) -> tuple[FrameKind, bytes]: ...
    async def ended(self) -> int: ...


class Exchange(Protocol):
    """The other side: a transport that reaches it, where, and what it accepts."""

    transport: Transport
    url: str
    refused_url: str

    async def accept(self) -> Server: ...


def texts(frames: list[Frame]) -> list[str]:
    return [frame.payload.decode() for frame in frames if frame.kind is FrameKind.TEXT]


async def receive_all(channel: Channel) -> tuple[list[Frame], ConnectionLost]:
    """All frames until the end, and the end."""
    frames: list[Frame] = []
    while True:
        try:
            frames += await channel.receive()
        except ConnectionLost as lost:
            return frames, lost


async def receive_count(channel: Channel, count: int) -> list[Frame]:
    frames: list[Frame] = []
    while len(frames) < count:
        frames += await channel.receive()
    return frames


@contextmanager
def patience() -> Iterator[None]:
    with anyio.fail_after(PATIENCE):
        yield


class TransportContract(ABC):
    """What every transport promises."""

    @abstractmethod
    def exchange(self, **options: Any) -> AbstractAsyncContextManager[Exchange]:
        """The other side. Options: `max_size`, `close_timeout`, as the transports have them."""

    @asynccontextmanager
    async def connection(self, **options: Any) -> AsyncIterator[tuple[Channel, Server]]:
        with patience():
            async with self.exchange(**options) as exchange:
                channel = await exchange.transport.connect(exchange.url)
                try:
                    yield channel, await exchange.accept()
                finally:
                    channel.abort()
                    with anyio.CancelScope(shield=True):
                        await channel.aclose()

    async def test_it_is_a_transport_and_makes_channels(self) -> None:
        async with self.exchange() as exchange:
            assert isinstance(exchange.transport, Transport)
        async with self.connection() as (channel, _):
            assert isinstance(channel, Channel)

    async def test_frames_arrive_in_order(self) -> None:
        async with self.connection() as (channel, server):
            for number in range(50):
                await server.send(f"{number}")
            frames = await receive_count(channel, 50)
            assert texts(frames) == [f"{number}" for number in range(50)]

    async def test_binary_frames_say_so(self) -> None:
        async with self.connection() as (channel, server):
            await server.send(b"\x00\xff")
            (frame,) = await channel.receive()
            assert (frame.kind, frame.payload) == (FrameKind.BINARY, b"\x00\xff")

    async def test_payloads_are_bytes(self) -> None:
        async with self.connection() as (channel, server):
            await server.send("text", b"binary")
            frames = await receive_count(channel, 2)
            assert [type(frame.payload) for frame in frames] == [bytes, bytes]

    async def test_what_arrived_together_is_returned_together(self) -> None:
        async with self.connection() as (channel, server):
            await server.send("a", "b", "c")
            assert texts(list(await channel.receive())) == ["a", "b", "c"]

    async def test_arrival_is_the_loops_time_of_the_read(self) -> None:
        async with self.connection() as (channel, server):
            before = anyio.current_time()
            await server.send("a", "b")
            first, second = await channel.receive()
            assert before <= first.arrived == second.arrived <= anyio.current_time()
            await server.send("c")
            (third,) = await channel.receive()
            assert third.arrived >= first.arrived

    async def test_the_server_gets_what_is_sent_in_order(self) -> None:
        async with self.connection() as (channel, server):
            await channel.send("one")
            await channel.send("zwei ✓")
            assert await server.received() == (FrameKind.TEXT, b"one")
            assert await server.received() == (FrameKind.TEXT, "zwei ✓".encode())

    async def test_a_ping_is_handed_out_and_not_answered(self) -> None:
        async with self.connection() as (channel, server):
            await server.ping(b"are you there")
            (frame,) = await channel.receive()
            assert (frame.kind, frame.payload) == (FrameKind.PING, b"are you there")
            await channel.send("first thing the server hears")
            assert await server.received() == (FrameKind.TEXT, b"first thing the server hears")

    async def test_a_pong_carries_its_payload(self) -> None:
        async with self.connection() as (channel, server):
            await server.ping(b"42")
            (frame,) = await channel.receive()
            await channel.pong(frame.payload)
            assert await server.received() == (FrameKind.PONG, b"42")

    async def test_the_answer_to_a_ping_comes_out_of_receive(self) -> None:
        async with self.connection() as (channel, server):
            await channel.ping(b"7")
            (frame,) = await channel.receive()
            assert (frame.kind, frame.payload) == (FrameKind.PONG, b"7")
            assert await server.received() == (FrameKind.PING, b"7")

    async def test_a_ping_too_long_is_the_callers_mistake_and_harms_nothing(self) -> None:
        async with self.connection() as (channel, server):
            with pytest.raises(ValueError):  # noqa: PT011 - the words are each transport's own
                await channel.ping(b"x" * 126)
            with pytest.raises(ValueError):  # noqa: PT011
                await channel.pong(b"x" * 126)
            await channel.send("still here")
            assert await server.received() == (FrameKind.TEXT, b"still here")

    async def test_a_goodbye_is_a_clean_end_after_all_frames(self) -> None:
        async with self.connection() as (channel, server):
            await server.send("last", "words")
            await server.close(1001, "maintenance")
            frames, lost = await receive_all(channel)
            assert texts(frames) == ["last", "words"]
            assert (lost.clean, lost.close_code, lost.reason) == (True, 1001, "maintenance")

    async def test_a_goodbye_is_answered(self) -> None:
        async with self.connection() as (channel, server):
            await server.close(1001, "maintenance")
            await receive_all(channel)
            assert await server.ended() == 1001

    async def test_a_reset_is_an_unclean_end(self) -> None:
        async with self.connection() as (channel, server):
            await server.abort()
            _, lost = await receive_all(channel)
            assert (lost.clean, lost.close_code) == (False, 1006)
            assert lost.reason

    async def test_every_later_call_raises_the_same_end(self) -> None:
        async with self.connection() as (channel, server):
            await server.close(4000, "enough")
            _, lost = await receive_all(channel)
            for call in (channel.receive, lambda: channel.send("x"), channel.ping, lambda: channel.pong(b"")):
                with pytest.raises(ConnectionLost) as caught:
                    await call()
                assert caught.value is lost

    async def test_a_refusal_is_one_plain_sentence(self) -> None:
        with patience():
            async with self.exchange() as exchange:
                with pytest.raises(ConnectFailed) as caught:
                    await exchange.transport.connect(exchange.refused_url)
                assert caught.value.reason == "connection refused"
                assert caught.value.url == exchange.refused_url

    async def test_a_refusal_does_not_tell_secrets(self) -> None:
        with patience():
            async with self.exchange() as exchange:
                scheme, _, rest = exchange.refused_url.partition("://")
                url = f"{scheme}://me:hunter2@{rest}/{'k' * 60}?signature=hunter3"
                with pytest.raises(ConnectFailed) as caught:
                    await exchange.transport.connect(url)
                assert caught.value.url == f"{exchange.refused_url}/…"
                assert "hunter" not in str(caught.value)

    async def test_a_cancelled_connect_leaves_nothing_behind(self) -> None:
        with patience():
            async with self.exchange() as exchange:
                with anyio.CancelScope() as scope:
                    scope.cancel()
                    await exchange.transport.connect(exchange.url)
                assert scope.cancelled_caught

    async def test_a_cancelled_receive_loses_nothing(self) -> None:
        async with self.connection() as (channel, server):
            frames: list[Frame] = []
            for number in range(60):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._receive_into, channel, frames)
                    await server.send(f"{number}")
                    for _ in range(number % 6):
                        # Cancel at each of the turns between sending and returning.
                        await checkpoint()
                    tasks.cancel_scope.cancel()
            frames += await receive_count(channel, 60 - len(frames)) if len(frames) < 60 else []
            assert texts(frames) == [f"{number}" for number in range(60)]

    @staticmethod
    async def _receive_into(channel: Channel, frames: list[Frame]) -> None:
        while True:
            frames += await channel.receive()

    async def test_concurrent_sends_do_not_interleave(self) -> None:
        async with self.connection() as (channel, server):
            letters = "abcdefghijklmnop"
            async with anyio.create_task_group() as tasks:
                for letter in letters:
                    tasks.start_soon(channel.send, letter * 200_000)
                payloads = [(await server.received())[1].decode() for _ in letters]
            assert sorted(payloads) == [letter * 200_000 for letter in letters]

    async def test_a_cancelled_send_that_had_not_begun_harms_nothing(self) -> None:
        async with self.connection() as (channel, server):
            with anyio.CancelScope() as scope:
                scope.cancel()
                await channel.send("never")
            await channel.send("next")
            assert await server.received() == (FrameKind.TEXT, b"next")

    async def test_a_message_too_large_ends_the_connection_with_1009(self) -> None:
        async with self.connection(max_size=1000) as (channel, server):
            await server.send("x" * 1000)
            assert len((await channel.receive())[0].payload) == 1000
            await server.send("x" * 1001)
            with pytest.raises(ConnectionLost) as caught:
                await channel.receive()
            assert (caught.value.clean, caught.value.close_code) == (False, 1009)
            assert "1000" in caught.value.reason
            assert await server.ended() == 1009

    async def test_aclose_says_goodbye_with_code_and_reason(self) -> None:
        async with self.connection() as (channel, server):
            await channel.aclose(4001, "enough")
            assert await server.ended() == 4001

    async def test_aclose_ends_it_cleanly_for_every_later_call(self) -> None:
        async with self.connection() as (channel, _):
            await channel.aclose(1000, "bye")
            for call in (channel.receive, lambda: channel.send("x")):
                with pytest.raises(ConnectionLost) as caught:
                    await call()
                assert (caught.value.clean, caught.value.close_code) == (True, 1000)

    async def test_aclose_drops_frames_that_were_not_received(self) -> None:
        async with self.connection() as (channel, server):
            await server.send("unread")
            await channel.aclose()
            with pytest.raises(ConnectionLost):
                await channel.receive()

    async def test_aclose_wakes_a_parked_receive(self) -> None:
        async with self.connection() as (channel, _):
            ends: list[ConnectionLost] = []
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._receive_end, channel, ends)
                await anyio.wait_all_tasks_blocked()
                await channel.aclose()
            assert [(lost.clean, lost.close_code) for lost in ends] == [(True, 1000)]

    @staticmethod
    async def _receive_end(channel: Channel, ends: list[ConnectionLost]) -> None:
        _, lost = await receive_all(channel)
        ends.append(lost)

    async def test_closing_twice_is_fine_also_at_once(self) -> None:
        async with self.connection() as (channel, server):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(channel.aclose)
                tasks.start_soon(channel.aclose)
            await channel.aclose()
            channel.abort()
            assert await server.ended() == 1000

    async def test_closing_after_the_server_has_closed_is_fine(self) -> None:
        async with self.connection() as (channel, server):
            await server.close(1001)
            await receive_all(channel)
            await channel.aclose()

    async def test_a_goodbye_that_cannot_be_said_closes_all_the_same(self) -> None:
        async with self.connection() as (channel, _):
            with pytest.raises(ValueError):  # noqa: PT011 - the words are each transport's own
                await channel.aclose(1000, "x" * 124)
            with pytest.raises(ConnectionLost):
                await channel.receive()

    async def test_aclose_waits_for_a_frozen_server_only_so_long(self) -> None:
        async with self.connection(close_timeout=0.05) as (channel, server):
            await server.freeze()
            await channel.aclose()
            with pytest.raises(ConnectionLost) as caught:
                await channel.receive()
            assert (caught.value.clean, caught.value.close_code) == (False, 1006)

    async def test_a_send_while_closing_waits_for_the_end_and_raises_it(self) -> None:
        async with self.connection(close_timeout=0.05) as (channel, server):
            await server.freeze()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(channel.aclose)
                await anyio.wait_all_tasks_blocked()
                with pytest.raises(ConnectionLost) as caught:
                    await channel.send("too late")
            assert (caught.value.clean, caught.value.close_code) == (False, 1006)

    async def test_a_cancelled_aclose_closes_without_goodbye(self) -> None:
        async with self.connection() as (channel, server):
            with anyio.CancelScope() as scope:
                scope.cancel()
                await channel.aclose()
            assert scope.cancelled_caught
            assert await server.ended() == 1006
            with pytest.raises(ConnectionLost):
                await channel.receive()

    async def test_abort_closes_without_goodbye(self) -> None:
        async with self.connection() as (channel, server):
            channel.abort()
            assert await server.ended() == 1006
            with pytest.raises(ConnectionLost) as caught:
                await channel.send("x")
            lost = caught.value
            assert (lost.clean, lost.close_code, lost.reason) == (False, 1006, "aborted by this side")

    async def test_abort_wakes_a_parked_receive_which_raises_the_end(self) -> None:
        async with self.connection() as (channel, _):
            ends: list[ConnectionLost] = []
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._receive_end, channel, ends)
                await anyio.wait_all_tasks_blocked()
                channel.abort()
            assert [lost.reason for lost in ends] == ["aborted by this side"]

    async def test_abort_drops_frames_that_were_not_received(self) -> None:
        async with self.connection() as (channel, server):
            await server.send("unread")
            channel.abort()
            with pytest.raises(ConnectionLost):
                await channel.receive()
