"""What the types of Python's library and of others mean, by name: nothing is imported, so that nothing need be installed.

The question is always whether the request can have been carried out. Where a connection could not be made, it was not: network,
retry. Where it broke or fell silent later, nobody knows: unknown outcome, reconcile; that is also what a bare TimeoutError is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from actors.errors.kinds import Action, Category, Severity
from actors.errors.rules import Rule

__all__ = ["rules"]

# Category, action, and the types or their codes (after a colon: of one type).
_TYPES = """
network retry
    builtins.ConnectionRefusedError socket.gaierror socket.herror anyio.ConnectionFailed
    httpx.ConnectError httpx.ConnectTimeout httpx.PoolTimeout httpx.ProxyError
    httpcore.ConnectError httpcore.ConnectTimeout httpcore.PoolTimeout httpcore.ProxyError httpcore.ConnectionNotAvailable
    urllib3.NewConnectionError urllib3.ConnectTimeoutError urllib3.NameResolutionError urllib3.ProxyError
    urllib3.EmptyPoolError urllib3.ClosedPoolError urllib3.FullPoolError
    urllib3.SSLError
    requests.ConnectTimeout requests.ProxyError requests.SSLError
    aiohttp.ClientConnectorError aiohttp.ClientConnectorDNSError aiohttp.ConnectionTimeoutError
    aiohttp.ClientProxyConnectionError
    aiohttp.ClientSSLError aiohttp.ClientConnectorSSLError
    websockets.InvalidHandshake websockets.InvalidProxy ssl.SSLError
    websocket.WebSocketAddressException
    botocore.EndpointConnectionError botocore.ConnectTimeoutError
    binance.BinanceWebsocketUnableToConnect binance.ReadLoopClosed
unknown_outcome reconcile
    builtins.TimeoutError builtins.ConnectionError builtins.EOFError trio.TooSlowError
    ssl.SSLEOFError ssl.SSLZeroReturnError ssl.SSLSyscallError
    http.HTTPException anyio.EndOfStream anyio.BrokenResourceError anyio.IncompleteRead anyio.DelimiterNotFound
    trio.BrokenResourceError
    trio.EndOfChannel trio_websocket.ConnectionClosed httpx.TimeoutException httpx.TransportError httpx.DecodingError
    httpcore.TimeoutException httpcore.NetworkError httpcore.ProtocolError h11.RemoteProtocolError
    urllib3.HTTPError requests.RequestException websocket.WebSocketException redis.ConnectionError redis.TimeoutError
    botocore.HTTPClientError grpc.RpcError
    aiohttp.ClientError websockets.WebSocketException binance.BinanceRequestException binance.BinanceWebsocketClosed
    binance_common.NetworkError
security never
    ssl.SSLCertVerificationError aiohttp.ClientConnectorCertificateError aiohttp.ServerFingerprintMismatch
data_feed resync
    json.JSONDecodeError msgspec.DecodeError orjson.JSONDecodeError simplejson.JSONDecodeError builtins.UnicodeDecodeError
    zlib.error gzip.BadGzipFile binance.BinanceWebsocketQueueOverflow
configuration never
    builtins.ImportError tomllib.TOMLDecodeError tomli.TOMLDecodeError yaml.YAMLError configparser.Error
    httpx.UnsupportedProtocol httpx.InvalidURL httpcore.UnsupportedProtocol
    websockets.InvalidURI requests.InvalidURL requests.InvalidSchema requests.MissingSchema aiohttp.InvalidURL http.InvalidURL
    supervisor.SpecError
exchange never
    httpx.TooManyRedirects requests.TooManyRedirects aiohttp.TooManyRedirects
bug never
    builtins.TypeError builtins.LookupError builtins.AttributeError builtins.NameError builtins.AssertionError
    builtins.ArithmeticError
    builtins.ValueError builtins.RecursionError builtins.NotImplementedError builtins.SyntaxError builtins.BufferError
    builtins.StopIteration builtins.StopAsyncIteration builtins.ReferenceError builtins.SystemError builtins.Warning
    asyncio.InvalidStateError asyncio.LimitOverrunError asyncio.SendfileNotAvailableError
    anyio.BusyResourceError anyio.ClosedResourceError trio.BusyResourceError trio.ClosedResourceError trio.NeedHandshakeError
    httpx.LocalProtocolError httpx.StreamError httpcore.LocalProtocolError h11.LocalProtocolError http.ImproperConnectionState
    websockets.ConcurrencyError websockets.InvalidState msgspec.EncodeError orjson.JSONEncodeError sqlite3.ProgrammingError
    sqlite3.InterfaceError
system never
    builtins.OSError concurrent.CancelledError concurrent.BrokenExecutor subprocess.SubprocessError
    trio.RunFinishedError trio.TrioInternalError asyncio.BrokenBarrierError threading.BrokenBarrierError
    supervisor.SupervisorError
system retry
    builtins.BlockingIOError builtins.InterruptedError asyncio.QueueFull asyncio.QueueEmpty queue.Full queue.Empty
    anyio.WouldBlock trio.WouldBlock
    supervisor.MailboxFull supervisor.ChildRestarting supervisor.PoolEmpty supervisor.Draining
memory never
    builtins.MemoryError
storage never
    sqlite3.Error supervisor.StoreError psycopg.Error psycopg2.Error asyncpg.PostgresError sqlalchemy.SQLAlchemyError
    redis.RedisError
notification retry
    smtplib.SMTPException telegram.NetworkError
rate_limit wait
    telegram.RetryAfter
notification never
    telegram.TelegramError
    smtplib.SMTPAuthenticationError smtplib.SMTPRecipientsRefused smtplib.SMTPSenderRefused smtplib.SMTPNotSupportedError
"""

_CODES = """
network retry           builtins.OSError: ECONNREFUSED ENETUNREACH EHOSTUNREACH ENETDOWN EHOSTDOWN EADDRNOTAVAIL ENOTCONN ENONET
unknown_outcome reconcile builtins.OSError: ECONNRESET ECONNABORTED EPIPE ETIMEDOUT ENETRESET ESHUTDOWN
system never            builtins.OSError: EMFILE ENFILE EADDRINUSE EACCES EPERM
bug never               builtins.OSError: EBADF ENOTSOCK EISCONN EINVAL EFAULT
memory never            builtins.OSError: ENOMEM ENOBUFS
storage never           builtins.OSError: ENOSPC EDQUOT EROFS EIO EFBIG
system retry            builtins.OSError: EAGAIN EWOULDBLOCK EINTR
storage retry           sqlite3.Error: SQLITE_BUSY SQLITE_LOCKED SQLITE_BUSY_SNAPSHOT SQLITE_BUSY_RECOVERY
storage retry           sqlite3.Error: SQLITE_LOCKED_SHAREDCACHE
security never          ssl.SSLError: CERTIFICATE_VERIFY_FAILED TLSV1_ALERT_UNKNOWN_CA SSLV3_ALERT_BAD_CERTIFICATE
security never          ssl.SSLError: TLSV13_ALERT_CERTIFICATE_REQUIRED
security never          ssl.SSLError: SSLV3_ALERT_CERTIFICATE_UNKNOWN SSLV3_ALERT_CERTIFICATE_EXPIRED
security never          ssl.SSLError: SSLV3_ALERT_CERTIFICATE_REVOKED
unknown_outcome reconcile ssl.SSLError: UNEXPECTED_EOF_WHILE_READING DECRYPTION_FAILED_OR_BAD_RECORD_MAC
unknown_outcome reconcile ssl.SSLError: SSLV3_ALERT_BAD_RECORD_MAC RECORD_LAYER_FAILURE BAD_LENGTH
unknown_outcome reconcile ssl.SSLError: APPLICATION_DATA_AFTER_CLOSE_NOTIFY PROTOCOL_IS_SHUTDOWN
network retry           websockets.ConnectionClosed: 1008 4004
unknown_outcome reconcile supervisor.AskTimeout: begun
system retry            supervisor.AskTimeout: queued
"""

_LIBRARIES_OF_TLS = (
    "httpx.ConnectError httpcore.ConnectError requests.ConnectionError urllib3.HTTPError aiohttp.ClientError urllib.URLError "
    "ccxt.BaseError"
)
_CERTIFICATE = re.compile(r"certificate_verify_failed|certificate verify failed")
_NOT_CONNECTED = re.compile(
    r"connect call failed|newconnectionerror|failed to establish a new connection|name or service not known|nameresolutionerror"
    r"|failed to resolve|temporary failure in name resolution|getaddrinfo failed|nodename nor servname|connection refused"
    r"|connecttimeouterror"
    r"|connect timeout|all connection attempts failed|all attempts to connect|cannot connect to (?:host|proxy)|no route to host"
    r"|network is unreachable"
)
_NOT_CONNECTED_WHILE = "builtins.OSError requests.ConnectionError urllib3.HTTPError aiohttp.ClientError redis.ConnectionError"
_NOT_ONLY_CONNECTING = "requests.ProxyError requests.SSLError urllib3.ProxyError urllib3.SSLError"
_BROKE_LATER = re.compile(
    # urllib3 2 says `unable` where nothing had been sent, but 1.26 says `Cannot connect to proxy` of any lost connection.
    r"^(?!.*unable to connect to proxy).*(?:remotedisconnected|connection ?reset|connection aborted|brokenpipe|read timed out"
    r"|eof occurred|unexpected_eof|bad_record_mac|record_layer_failure)",
    re.DOTALL,
)
_HANDSHAKE = re.compile(r"handshake operation timed out|ssl handshake|opening handshake|handshake timed out")


def _of_types(table: str) -> Iterator[Rule]:
    verdict: list[str] = []
    for line in table.strip().splitlines():
        if not line.startswith(" "):
            verdict = line.split()
            continue
        for name in line.split():
            yield Rule(name.partition(".")[2], Category(verdict[0]), Action(verdict[1]), kind=name)


def _of_codes(table: str) -> Iterator[Rule]:
    for line in table.strip().splitlines():
        head, _, codes = line.partition(":")
        category, action, kind = head.split()
        for code in codes.split():
            yield Rule(f"{kind.partition('.')[2]} {code}", Category(category), Action(action), kind=kind, code=code)


def _of_texts() -> Iterator[Rule]:
    for kind in _LIBRARIES_OF_TLS.split():
        yield Rule("certificate not trusted", "security", "never", kind=kind, text=_CERTIFICATE)
    for kind in _NOT_CONNECTED_WHILE.split():
        yield Rule("not connected", "network", "retry", kind=kind, text=_NOT_CONNECTED)
    for kind in _NOT_ONLY_CONNECTING.split():
        yield Rule("lost, perhaps after it was sent", "unknown_outcome", "reconcile", kind=kind, text=_BROKE_LATER)
    for kind in ("builtins.TimeoutError", "builtins.ConnectionAbortedError"):
        yield Rule("handshake timed out", "network", "retry", kind=kind, text=_HANDSHAKE)


_ENDED = (
    ("cancelled", "asyncio.CancelledError"),
    ("cancelled", "trio.Cancelled"),
    ("cancelled", "builtins.GeneratorExit"),
    ("cancelled", "concurrent.CancelledError"),
    ("interrupted", "builtins.KeyboardInterrupt"),
    ("asked to end", "builtins.SystemExit"),
)
"""No failures: nobody is woken for them, and nothing is tried again."""

_RUNTIME = (
    ("no more threads", "system", "can't start new thread"),
    ("shut down", "system", "after shutdown"),
    ("loop is closed", "bug", "event loop is closed"),
    ("no loop", "bug", "no running event loop"),
    ("client is closed", "bug", "client has been closed"),
    ("changed while it was gone through", "bug", "changed size during iteration"),
    ("generator raised", "bug", "generator raised stop"),
    ("generator did not", "bug", "generator didn't"),
    ("two loops", "bug", "attached to a different loop"),
    ("awaited twice", "bug", "cannot reuse already awaited"),
    ("loop runs already", "bug", "event loop is already running"),
)


def rules() -> tuple[Rule, ...]:
    """In the order of precedence, where two are equally specific."""
    return (
        *(
            Rule(name, "system", "never", Severity.DEBUG if name == "cancelled" else Severity.INFO, kind=kind)
            for name, kind in _ENDED
        ),
        *_of_types(_TYPES),
        *_of_codes(_CODES),
        *_of_texts(),
        *(Rule(name, category, "never", kind="builtins.RuntimeError", text=text) for name, category, text in _RUNTIME),
        Rule("too many frames", "rate_limit", "wait", kind="websockets.ConnectionClosed", code=1008, text="too many"),
        Rule("database is locked", "storage", "retry", kind="sqlite3.OperationalError", text="is locked"),
    )
