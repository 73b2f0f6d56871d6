"""Opens WebSocket connections: one code path for trio and asyncio. What is open is a `WebSocketChannel`, in channel.py."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Sequence

import anyio
from anyio.abc import ByteStream, SocketAttribute
from anyio.lowlevel import cancel_shielded_checkpoint
from attrs import define, field
from websockets import exceptions
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame as WireFrame
from websockets.frames import Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from actors.errors import ConnectFailed
from actors.transport.channel import READ_SIZE, WebSocketChannel, close_now
from actors.transport.failures import SOCKET_ERRORS, Row, explain, public_url
from actors.transport.refusals import named_wait

__all__ = ["WebSocketTransport"]

ROWS: Sequence[Row] = (
    (exceptions.InvalidStatus, "the server answered HTTP {error.response.status_code}"),
    (exceptions.InvalidMessage, "the server does not speak WebSocket"),
    (exceptions.WebSocketException, "the WebSocket handshake failed: {error}"),
)

NOT_AN_ADDRESS = "this is not the address of a WebSocket, expected for example wss://host/path"

# websockets logs addresses and frames, secrets included, at DEBUG. What matters of it is in the errors.
SILENT = logging.Logger("actors.transport.websocket", logging.CRITICAL + 1)  # noqa: LOG001 - outside the tree, on purpose


class _Protocol(ClientProtocol):
    """websockets' client, except that pings are the caller's to answer.

    `recv_frame` has been the step for one parsed frame since there is a Sans-I/O layer, but is not documented: the contract
    suite fails should a future version go another way.
    """

    def recv_frame(self, frame: WireFrame) -> None:
        if frame.opcode is Opcode.PING:
            self.events.append(frame)
        else:
            super().recv_frame(frame)


@define(eq=False)
class WebSocketTransport:
    """Opens WebSocket connections. Any number of tasks can share it. Proxies of the environment are not used.

    Args:
        ssl_context: for `wss` addresses; None: the certificates this machine trusts.
        compression: offer permessage-deflate.
        max_size: bytes of the largest message, fragments joined and decompressed; a larger one ends the connection with 1009.
        open_timeout: seconds until the connection must be open: name, TCP, TLS and handshake together.
        close_timeout: seconds to wait for the other side's goodbye.
    """

    ssl_context: ssl.SSLContext | None = field(default=None, kw_only=True, repr=False)
    compression: bool = field(default=True, kw_only=True)
    max_size: int = field(default=4 * 1024 * 1024, kw_only=True)
    open_timeout: float = field(default=10.0, kw_only=True)
    close_timeout: float = field(default=2.0, kw_only=True)

    async def connect(self, url: str) -> WebSocketChannel:
        """Open a channel.

        Args:
            url: `ws://` or `wss://`; a user and password in it are sent as basic authentication.

        Raises:
            ConnectFailed: with one plain sentence; its `url` is without user, password, query and keys. Where the server
                answered the handshake with an error, it has the `status` and, if one was named, `retry_after`.

        Cancellation: atomic; a half-open socket is closed.
        """
        protocol = self._protocol(url)
        try:
            with anyio.fail_after(self.open_timeout):
                stream = await self._dial(protocol)
                try:
                    return await self._shake_hands(stream, protocol)
                except BaseException:
                    close_now(stream)
                    await cancel_shielded_checkpoint()
                    raise
        except (*SOCKET_ERRORS, UnicodeError, exceptions.WebSocketException) as error:
            status, retry_after = _refused(error)
            reason = explain(error, ROWS, within=self.open_timeout)
            raise ConnectFailed(public_url(url), reason, status=status, retry_after=retry_after) from error

    def _protocol(self, url: str) -> ClientProtocol:
        try:
            uri = parse_uri(url)
        except (exceptions.InvalidURI, ValueError):
            # Not `from` it: the cause quotes the address with all its secrets.
            raise ConnectFailed(public_url(url), NOT_AN_ADDRESS) from None
        extensions = [ClientPerMessageDeflateFactory()] if self.compression else None
        return _Protocol(uri, extensions=extensions, max_size=self.max_size, logger=SILENT)

    async def _dial(self, protocol: ClientProtocol) -> ByteStream:
        uri = protocol.uri
        if not uri.secure:
            return await anyio.connect_tcp(uri.host, uri.port)
        if self.ssl_context is None:
            # Once, not per connection: it reads all the certificates of the machine.
            self.ssl_context = ssl.create_default_context()
        # A WebSocket has a goodbye of its own; to wait for that of TLS as well only makes closing slow.
        return await anyio.connect_tcp(uri.host, uri.port, ssl_context=self.ssl_context, tls_standard_compatible=False)

    async def _shake_hands(self, stream: ByteStream, protocol: ClientProtocol) -> WebSocketChannel:
        # A request of a few bytes must not wait for the answer to the one before.
        raw = stream.extra(SocketAttribute.raw_socket)  # noqa: S610 - not Django's
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = protocol.connect()
        request.headers["User-Agent"] = "oneforone"  # Some front servers refuse clients without a name.
        protocol.send_request(request)
        for data in protocol.data_to_send():
            await stream.send(data)
        while protocol.state is State.CONNECTING and protocol.handshake_exc is None:
            try:
                protocol.receive_data(await stream.receive(READ_SIZE))
            except anyio.EndOfStream:
                protocol.receive_eof()
        arrived = anyio.current_time()
        if protocol.handshake_exc is not None:
            raise protocol.handshake_exc
        channel = WebSocketChannel(stream, protocol, self.close_timeout)
        # The server's first frames, even its goodbye, may have come with its answer.
        await channel.take(protocol.events_received()[1:], arrived)
        return channel


def _refused(error: BaseException) -> tuple[int | None, float | None]:
    """The HTTP status with which a handshake was refused, and the seconds that the answer asked to wait."""
    if not isinstance(error, exceptions.InvalidStatus):
        return None, None
    # A header that stands twice would raise when it is asked for by its name.
    asked = error.response.headers.get_all("Retry-After")
    return error.response.status_code, named_wait(asked[0]) if asked else None
