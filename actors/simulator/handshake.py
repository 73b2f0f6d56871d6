"""The beginning of a connection: one HTTP request, which is answered or becomes a WebSocket."""

from __future__ import annotations

import http

import anyio
from anyio.abc import SocketStream
from websockets.datastructures import Headers
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request, Response
from websockets.protocol import SEND_EOF
from websockets.server import ServerProtocol

from actors.simulator.answers import HttpAnswer, phrase_of

__all__ = ["GONE", "READ", "new_protocol", "read_request", "respond", "upgrade", "wants_upgrade"]

PATIENCE = 10.0
"""Seconds for a client to send its request."""
FAREWELL = 1.0
"""Seconds for a client to close after the answer."""
LARGEST_MESSAGE = 2**20
READ = 64 * 1024
"""Bytes read in one go, at most."""

GONE = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError)
"""What a socket raises when the connection is over."""


def new_protocol(*, compression: bool) -> ServerProtocol:
    extensions = [ServerPerMessageDeflateFactory()] if compression else None
    return ServerProtocol(extensions=extensions, max_size=LARGEST_MESSAGE)


async def read_request(stream: SocketStream, protocol: ServerProtocol) -> Request | None:
    """Read one request; None where the client went away, was too slow or sent something else, which it is told.

    Cancellation: may have happened.
    """
    with anyio.move_on_after(PATIENCE):
        while True:
            try:
                protocol.receive_data(await stream.receive(READ))
            except GONE:
                return None
            for event in protocol.events_received():
                if isinstance(event, Request):
                    return event
            if protocol.handshake_exc is not None:
                await _write(stream, protocol)
                return None
    return None


def wants_upgrade(request: Request) -> bool:
    return "upgrade" in request.headers


async def upgrade(stream: SocketStream, protocol: ServerProtocol, request: Request) -> bool:
    """Do the handshake; False where it failed, which the client was told.

    Cancellation: may have happened.
    """
    response = protocol.accept(request)
    protocol.send_response(response)
    return await _write(stream, protocol) and response.status_code == http.HTTPStatus.SWITCHING_PROTOCOLS


async def respond(stream: SocketStream, protocol: ServerProtocol, answer: HttpAnswer) -> None:
    """Answer a request, and end the connection.

    Cancellation: may have happened.
    """
    headers = Headers(
        [
            ("Connection", "close"),
            ("Content-Type", answer.content_type),
            ("Content-Length", str(len(answer.body))),
            *answer.headers.items(),
        ]
    )
    protocol.send_response(Response(answer.status, phrase_of(answer.status), headers, answer.body))
    if not await _write(stream, protocol):
        return
    # Closing at once would reset a client that has not read the answer yet, if anything of its request is unread.
    with anyio.move_on_after(FAREWELL):
        try:
            while True:
                await stream.receive(READ)
        except GONE:
            return


async def _write(stream: SocketStream, protocol: ServerProtocol) -> bool:
    try:
        for data in protocol.data_to_send():
            await (stream.send_eof() if data == SEND_EOF else stream.send(data))
    except (*GONE, OSError):
        return False
    return True
