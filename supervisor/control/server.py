"""The control socket: a running tree can be looked at from another process. Off by default, and read-only (`wire.py` says why).

Rules
    1. Owner only, and nothing that is there is taken over: see `socket_file.py`.
    2. A client never hurts the tree. Lines, clients, idle time and the time to take an answer are bounded; a snapshot costs at
       most a tenth of the loop's time, however often it is asked for; whatever goes wrong with a client ends that client.
    3. It goes on while the tree stops, because that is when one wants to look, and ends with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import islice

import anyio
from anyio.abc import SocketListener, SocketStream, TaskGroup
from attrs import define

from supervisor.control.socket_file import SocketFile, listen_at
from supervisor.control.wire import (
    MAX_RECENT,
    MAX_REQUEST,
    GetEvents,
    GetSnapshot,
    WireError,
    encode_end,
    encode_error,
    encode_event,
    encode_row,
    encode_snapshot,
    read_request,
)
from supervisor.events import Event, HookFailed
from supervisor.handle import Supervisor
from supervisor.overflow import bounded_queue
from supervisor.parking import give_way, uninterrupted
from supervisor.reader import Buffer
from supervisor.runtime import Runtime
from supervisor.secrets import redact
from supervisor.spec import Overflow
from supervisor.telemetry import EventStream

__all__ = ["ControlSocket", "control_socket"]

MAX_CLIENTS = 8
IDLE = 30.0
"""Seconds that a client may take over a request."""
STALLED = 10.0
"""Seconds that a client may take over a piece of an answer."""
FAREWELL = 0.25
"""Seconds that clients have to take what was sent when the tree has ended. They delay its end, so this is short."""
FRESH = 0.1
"""Seconds for which a snapshot is given again."""
PIECE = 65_536

_LEVELS = {"debug": 0, "info": 1, "warning": 2, "error": 3}
_GONE = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, TimeoutError, OSError)
"""What a client's leaving, or its not reading, looks like."""


@asynccontextmanager
async def control_socket(path: str | None) -> AsyncIterator[ControlSocket | None]:
    """A control socket for as long as the block lasts, or until its tree has ended; None for no path.

    Raises:
        SpecError: there is something at the path, or nothing can be made there.

    Cancellation: entering is atomic; leaving is shielded, and quick.
    """
    if path is None:
        yield None
        return
    file = await listen_at(path)
    try:
        door = ControlSocket(file, await SocketListener.from_socket(file.socket))
    except BaseException:
        file.remove()
        file.socket.close()
        raise
    try:
        yield door
    finally:
        await door.aclose()


@define(eq=False)
class _Recorded:
    """An event that was, until it is asked for without its error: that would keep alive all that its traceback refers to."""

    number: int
    fields: dict[str, object] | None
    line: bytes = b""

    def encoded(self) -> bytes:
        if self.fields is not None:
            self.line, self.fields = encode_event(self.fields), None
        return self.line


class _Recorder(Buffer):
    """The last events. A `Buffer`, because those are told when the tree has ended, also if a sink spoils the last event."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(bounded_queue(1, Overflow.DROP_OLDEST), runtime.parker())
        self._number = 0
        # One queue for each level, or a flood of dead letters would push out the crash that explains it.
        self._recent = {level: deque[_Recorded](maxlen=MAX_RECENT // len(_LEVELS)) for level in _LEVELS}

    def push(self, item: Event) -> bool:
        """Record an event."""
        self._number += 1
        self._recent[item.level].append(_Recorded(self._number, item.to_dict()))
        return True

    def lines(self, request: GetEvents) -> list[bytes]:
        """The last events that a request is about, in their order."""
        least = _LEVELS[request.level]
        wanted = [one for level, queue in self._recent.items() if _LEVELS[level] >= least for one in queue]
        wanted.sort(key=lambda one: one.number)
        return [one.encoded() for one in wanted[max(0, len(wanted) - request.recent) :]]


class ControlSocket:
    """Answers whoever connects.

    Args:
        file: the socket's file.
        listener: the same, listening.
    """

    def __init__(self, file: SocketFile, listener: SocketListener) -> None:
        self._file = file
        self._listener = listener
        self._accepting = anyio.CancelScope()
        self._lock = anyio.Lock()
        self._clients = 0
        self._waiting: set[anyio.CancelScope] = set()
        self._ended = False
        self._snapshot = b""
        self._fresh_until = -1.0

    def attend(self, runtime: Runtime, root: Supervisor) -> None:
        """Answer for this tree, in its nursery, until it has ended."""
        self._runtime = runtime
        self._root = root
        self._recorder = _Recorder(runtime)
        self._recorder.on_close = self.close
        runtime.telemetry.attach(self._recorder.push)
        runtime.spawn(self._serve, name=f"{root.path} control socket")

    def close(self) -> None:
        """The tree has ended. Who reads events gets the last of them."""
        self._ended = True
        self._accepting.cancel()

    async def aclose(self) -> None:
        """Close the socket and remove its file. Cancellation: shielded, and quick."""
        self.close()
        self._file.remove()
        with anyio.CancelScope(shield=True):
            await self._listener.aclose()

    # ---- the tasks

    async def _look(self) -> bytes:
        """A snapshot's line. Cancellation: atomic."""
        async with self._lock:  # who asks meanwhile gets the same one
            began = self._runtime.now()
            if began >= self._fresh_until:
                snapshot = self._root.snapshot()
                rows, flat = [], iter(snapshot.flat())
                while some := [encode_row(depth, child) for depth, child in islice(flat, 50)]:
                    rows += some
                    await give_way()
                self._snapshot = encode_snapshot(snapshot.tree_id, snapshot.at, rows)
                now = self._runtime.now()
                self._fresh_until = now + max(FRESH, 10 * (now - began))
            return self._snapshot

    @uninterrupted
    async def _serve(self) -> None:
        """Answer until the tree has ended.

        Cancellation: shielded; `close` ends it. A native `task.cancel()` ends the socket, and not the tree.
        """
        try:
            with anyio.CancelScope(shield=True):
                async with anyio.create_task_group() as clients:
                    with self._accepting:
                        await self._accept(clients)
                    await self.aclose()
                    clients.cancel_scope.deadline = anyio.current_time() + FAREWELL
                    for scope in tuple(self._waiting):
                        scope.cancel()
        except anyio.get_cancelled_exc_class():
            return  # let out, it would end the nursery, and with it the tree, without a word
        except Exception as error:  # noqa: BLE001  # a bug of ours must not take the tree along either
            self._report(error)
        finally:
            self._runtime.telemetry.detach(self._recorder.push)

    async def _accept(self, clients: TaskGroup) -> None:
        """Accept for ever. Cancellation: atomic."""
        reported = False
        while True:
            try:
                stream = await self._listener.accept()
            except _GONE as error:  # too many open files, say: it may pass
                if not reported:
                    self._report(error.__cause__ or error)
                reported = True
                await anyio.sleep(1.0)
                continue
            reported = False
            if self._clients >= MAX_CLIENTS:
                await self._refuse(stream)
            else:
                self._clients += 1
                clients.start_soon(self._attend, stream, name=f"{self._root.path} control client")

    async def _refuse(self, stream: SocketStream) -> None:
        """Tell one too many. Cancellation: atomic."""
        with anyio.move_on_after(FRESH), suppress(*_GONE):
            async with stream:
                await stream.send(encode_error(f"{MAX_CLIENTS} clients are connected already, which is all that may be"))

    @uninterrupted
    async def _attend(self, stream: SocketStream) -> None:
        """One client, until it leaves or does what none should. Cancellation: ends it."""
        try:
            with suppress(*_GONE):
                async with stream:
                    await self._talk(stream)
        except Exception as error:  # noqa: BLE001  # whatever a client brings about ends that client alone
            self._report(error)
        finally:
            self._clients -= 1

    async def _talk(self, stream: SocketStream) -> None:
        """Answer request after request. Cancellation: may have happened."""
        buffer = bytearray()
        while not self._ended:
            try:
                line = await self._request(stream, buffer)
                if not line:
                    return
                request = read_request(line)
            except WireError as error:
                await _send(stream, encode_error(str(error)))
                return
            match request:
                case GetSnapshot():
                    await _send(stream, await self._look())
                case GetEvents():
                    if not await self._tell(stream, request):
                        return

    async def _request(self, stream: SocketStream, buffer: bytearray) -> bytes:
        """The next line; empty: there is none.

        Raises:
            WireError: it is too long.

        Cancellation: atomic.
        """
        with anyio.move_on_after(IDLE) as scope:
            self._waiting.add(scope)
            try:
                while b"\n" not in buffer and len(buffer) < MAX_REQUEST:
                    buffer += await stream.receive(MAX_REQUEST)
            finally:
                self._waiting.discard(scope)
            line, newline, rest = bytes(buffer).partition(b"\n")
            if not newline or len(line) >= MAX_REQUEST:
                raise WireError(f"the request is longer than {MAX_REQUEST} bytes")
            buffer[:] = rest
            return line + newline
        return b""

    async def _tell(self, stream: SocketStream, request: GetEvents) -> bool:
        """Events; whether all of them were told. A client that says anything meanwhile, or leaves, wants no more.

        Cancellation: may have happened.
        """
        with self._root.events() as events:  # from now on, so that none is missed while the last ones are sent
            await _send(stream, b"".join(self._recorder.lines(request)))
            if request.next and not await self._follow(stream, request, events):
                return False
        await _send(stream, encode_end())
        return True

    async def _follow(self, stream: SocketStream, request: GetEvents, events: EventStream) -> bool:
        """The next events; whether all were told, or the tree has ended. Cancellation: may have happened."""
        left, done = request.next, False
        async with anyio.create_task_group() as both:
            both.start_soon(_until_heard, stream, both.cancel_scope)
            with suppress(*_GONE):  # in here it would be wrapped in a group
                async for event in events:
                    if _LEVELS[event.level] >= _LEVELS[request.level]:
                        await _send(stream, encode_event(event.to_dict()))
                        left -= 1
                        if not left:
                            break
                done = True
            both.cancel_scope.cancel()
        return done

    def _report(self, error: BaseException) -> None:
        path, at = self._root.path, self._runtime.now()
        self._runtime.emit(HookFailed(path=path, at=at, hook="the control socket", error=redact(repr(error))))


async def _send(stream: SocketStream, data: bytes) -> None:
    """Send, piece by piece. Raises TimeoutError for a client that does not read. Cancellation: may have happened."""
    for start in range(0, len(data), PIECE):
        with anyio.fail_after(STALLED):
            await stream.send(data[start : start + PIECE])


async def _until_heard(stream: SocketStream, scope: anyio.CancelScope) -> None:
    """Cancel the scope when the client sends anything, or leaves: nothing else would say so of a quiet tree.

    Cancellation: atomic.
    """
    with suppress(*_GONE):
        await stream.receive(1)
    scope.cancel()
