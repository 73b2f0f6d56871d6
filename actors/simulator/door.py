"""One port: it listens, it can refuse, and it can listen again on the same port."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Awaitable, Callable

import anyio
from anyio.abc import Listener, SocketAttribute, SocketStream, TaskGroup
from attrs import define, field

from actors.simulator.config import SimulatorError

__all__ = ["Door", "Handler"]

Handler = Callable[[SocketStream], Awaitable[None]]


@define(eq=False)
class Door:
    """A port on which connections are accepted, or refused.

    Args:
        host: where to listen.
        port: which; 0 takes any free one, and keeps it.
        handler: serves one connection. It must not raise.
        tasks: where handlers run.
    """

    host: str
    port: int
    handler: Handler
    tasks: TaskGroup
    listening: bool = field(default=False, init=False)
    _turn: anyio.Lock = field(factory=anyio.Lock, init=False)
    """Without it two that open at the same moment both find it closed, and the second finds the port in use."""
    _serving: anyio.CancelScope = field(factory=anyio.CancelScope, init=False)
    _refusing: anyio.Event = field(factory=anyio.Event, init=False)
    _reopen: anyio.Event | None = field(default=None, init=False)
    _released: anyio.Event = field(factory=anyio.Event, init=False)

    async def open(self) -> None:
        """Listen. Nothing happens where it listens already.

        Raises:
            SimulatorError: the port is in use, or not allowed.

        Cancellation: may have happened.
        """
        async with self._turn:
            if self.listening:
                return
            if self._reopen is not None:
                self._reopen.set()
                await self._released.wait()
            try:
                listener = await anyio.create_tcp_listener(local_host=self.host, local_port=self.port)
            except OSError as exc:
                raise SimulatorError(_why_not(self.host, self.port, exc)) from exc
            self.port = listener.extra(SocketAttribute.local_port)  # noqa: S610 -- this is no Django
            self.listening, self._serving = True, anyio.CancelScope()
            self._refusing, self._reopen, self._released = anyio.Event(), anyio.Event(), anyio.Event()
            self.tasks.start_soon(self._serve, listener, self._reopen, self._released)

    async def close(self) -> None:
        """Stop listening: who connects from now on is refused. Connections that exist stay.

        Cancellation: may have happened.
        """
        async with self._turn:
            self.listening = False
            self._serving.cancel()
            if self._reopen is not None:
                await self._refusing.wait()

    async def _serve(self, listener: Listener[SocketStream], reopen: anyio.Event, released: anyio.Event) -> None:
        try:
            with self._serving:
                await listener.serve(self.handler, self.tasks)
        finally:
            with anyio.CancelScope(shield=True):
                await listener.aclose()
        with self._placeholder():
            self._refusing.set()
            await reopen.wait()
        released.set()

    def _placeholder(self) -> socket.socket:
        """Bound but not listening: connecting is refused, and nobody else is given the port meanwhile, neither as a
        server nor as the local port of a client, which could then connect to itself.
        """
        holder = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Somebody may have been quicker; then reopening says so.
        with contextlib.suppress(OSError):
            holder.bind((self.host, self.port))
        return holder


def _why_not(host: str, port: int, exc: OSError) -> str:
    if exc.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is in use; give another one, or 0 for any free one"
    if exc.errno == errno.EACCES:
        return f"port {port} on {host} is not allowed; give one above 1023, or 0 for any free one"
    return f"cannot listen on {host}, port {port}: {exc.strerror or exc}"
