"""httpx, httpcore, websockets, and by name only: requests, urllib3, aiohttp, and the exchanges' own Python clients."""

from __future__ import annotations

import json
import zlib
from typing import Any

import httpcore
import httpx
import msgspec
from websockets import exceptions as websockets
from websockets.datastructures import Headers
from websockets.frames import Close
from websockets.http11 import Response

from tests.errors.labelled.shape import Shape, foreign, raised, shape

REQUEST = httpx.Request("POST", "https://api.binance.com/api/v3/order")

# httpx's and httpcore's own texts (encode/httpx, encode/httpcore).
HTTPX = [
    shape("network retry", "httpx, refused", lambda: httpx.ConnectError("[Errno 111] Connection refused", request=REQUEST)),
    shape(
        "network retry", "httpx, no name", lambda: httpx.ConnectError("[Errno -2] Name or service not known", request=REQUEST)
    ),
    shape(
        "network retry", "httpx, all attempts", lambda: httpx.ConnectError("All connection attempts failed", request=REQUEST)
    ),
    shape(
        "security never",
        "httpx, certificate",
        lambda: httpx.ConnectError(
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1006)", request=REQUEST
        ),
    ),
    shape(
        "network retry",
        "httpx, handshake",
        lambda: httpx.ConnectError("[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)", request=REQUEST),
    ),
    shape("network retry", "httpx.ConnectTimeout", lambda: httpx.ConnectTimeout("", request=REQUEST)),
    shape("network retry", "httpx.PoolTimeout", lambda: httpx.PoolTimeout("", request=REQUEST)),
    shape("unknown_outcome reconcile", "httpx.ReadTimeout", lambda: httpx.ReadTimeout("", request=REQUEST)),
    shape("unknown_outcome reconcile", "httpx.WriteTimeout", lambda: httpx.WriteTimeout("", request=REQUEST)),
    shape("unknown_outcome reconcile", "httpx.ReadError", lambda: httpx.ReadError("", request=REQUEST)),
    shape("unknown_outcome reconcile", "httpx.WriteError", lambda: httpx.WriteError("[Errno 32] Broken pipe", request=REQUEST)),
    shape(
        "unknown_outcome reconcile",
        "httpx, no response",
        lambda: httpx.RemoteProtocolError("Server disconnected without sending a response.", request=REQUEST),
    ),
    shape(
        "unknown_outcome reconcile",
        "httpx, incomplete",
        lambda: httpx.RemoteProtocolError(
            "peer closed connection without sending complete message body (incomplete chunked read)", request=REQUEST
        ),
    ),
    shape(
        "bug never",
        "httpx.LocalProtocolError",
        lambda: httpx.LocalProtocolError("Illegal header value b' key'", request=REQUEST),
    ),
    shape("network retry", "httpx.ProxyError", lambda: httpx.ProxyError("503 Service Unavailable", request=REQUEST)),
    shape(
        "configuration never",
        "httpx.UnsupportedProtocol",
        lambda: httpx.UnsupportedProtocol("Request URL is missing an 'http://' or 'https://' protocol.", request=REQUEST),
    ),
    shape("configuration never", "httpx.InvalidURL", lambda: httpx.InvalidURL("Invalid port: '80a'")),
    shape(
        "exchange never",
        "httpx.TooManyRedirects",
        lambda: httpx.TooManyRedirects("Exceeded maximum allowed redirects.", request=REQUEST),
    ),
    shape(
        "unknown_outcome reconcile",
        "httpx.DecodingError",
        lambda: httpx.DecodingError("Error -3 while decompressing data: incorrect header check", request=REQUEST),
    ),
    shape("bug never", "httpx.ResponseNotRead", httpx.ResponseNotRead),
    shape("bug never", "httpx, closed client", lambda: RuntimeError("Cannot send a request, as the client has been closed.")),
    shape("network retry", "httpcore.ConnectError", lambda: httpcore.ConnectError("All connection attempts failed")),
    shape("network retry", "httpcore.ConnectTimeout", httpcore.ConnectTimeout),
    shape("network retry", "httpcore.PoolTimeout", httpcore.PoolTimeout),
    shape("unknown_outcome reconcile", "httpcore.ReadTimeout", httpcore.ReadTimeout),
    shape(
        "unknown_outcome reconcile",
        "httpcore.RemoteProtocolError",
        lambda: httpcore.RemoteProtocolError("Server disconnected without sending a response."),
    ),
]


def closed(received: Close | None, sent: Close | None = None) -> websockets.ConnectionClosed:
    kind = websockets.ConnectionClosedOK if received and received.code in {1000, 1001} else websockets.ConnectionClosedError
    return kind(received, sent)


def handshake(status: int, body: bytes = b"", **headers: str) -> websockets.InvalidStatus:
    names = Headers({name.replace("_", "-"): value for name, value in headers.items()})
    return websockets.InvalidStatus(Response(status, "", names, body))


# RFC 6455 7.4 and the IANA registry of close codes; Binance's stream rules; OKX 4004; websockets' own texts. What was
# under way when a connection ended may have been carried out. (The labels of 1000, 1001, 1012 and 1013 said network, retry,
# until two reviewers asked what becomes of an order in flight over a WebSocket API when the server says goodbye.)
WEBSOCKETS = [
    shape("unknown_outcome reconcile", "close 1000", lambda: closed(Close(1000, ""))),
    shape("unknown_outcome reconcile", "close 1001", lambda: closed(Close(1001, "going away"))),
    shape("unknown_outcome reconcile", "close 1012", lambda: closed(Close(1012, "service restart"))),
    shape("unknown_outcome reconcile", "close 1013", lambda: closed(Close(1013, "try again later"))),
    shape("unknown_outcome reconcile", "close 1006", lambda: closed(None)),
    shape(
        "unknown_outcome reconcile",
        "close 1006 after a reset",
        lambda: raised(closed(None), ConnectionResetError(104, "Connection reset by peer")),
    ),
    shape("unknown_outcome reconcile", "close 1011 from them", lambda: closed(Close(1011, "Internal error"))),
    shape("unknown_outcome reconcile", "keepalive ping timeout", lambda: closed(None, Close(1011, "keepalive ping timeout"))),
    shape("rate_limit wait", "close 1008, too many", lambda: closed(Close(1008, "Too many requests"))),
    shape("network retry", "close 1008, pong", lambda: closed(Close(1008, "Pong timeout"))),
    shape(
        "network retry",
        "close 4004 of OKX",
        lambda: closed(Close(4004, "connection closed as there was no data transmission in the last 30 seconds.")),
    ),
    shape("rate_limit wait", "handshake 429", lambda: handshake(429, b"", Retry_After="60"), 60.0),
    shape("rate_limit wait", "handshake 418", lambda: handshake(418)),
    shape(
        "rate_limit wait", "handshake 403", lambda: handshake(403, b"<html><head><title>403 Forbidden</title></head></html>")
    ),
    shape("authentication never", "handshake 401", lambda: handshake(401)),
    shape("exchange retry", "handshake 503", lambda: handshake(503)),
    shape("exchange retry", "handshake 502", lambda: handshake(502)),
    shape("exchange never", "handshake 451", lambda: handshake(451)),
    shape("validation fix", "handshake 404", lambda: handshake(404)),
    shape(
        "network retry",
        "websockets.InvalidMessage",
        lambda: raised(websockets.InvalidMessage("did not receive a valid HTTP response"), EOFError("connection closed")),
    ),
    shape("network retry", "websockets.InvalidUpgrade", lambda: websockets.InvalidUpgrade("Connection", None)),
    shape(
        "configuration never",
        "websockets.InvalidURI",
        lambda: websockets.InvalidURI("https://stream.binance.com", "scheme isn't ws or wss"),
    ),
    shape(
        "bug never",
        "websockets.ConcurrencyError",
        lambda: websockets.ConcurrencyError("cannot call recv while another coroutine is already running recv"),
    ),
    shape("network retry", "websockets.ProxyError", lambda: websockets.ProxyError("failed to connect to SOCKS proxy")),
    shape("network retry", "websockets opening handshake", lambda: TimeoutError("timed out during opening handshake")),
]


def json_error(text: str) -> Exception:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return error
    raise AssertionError("it is JSON")


def msgspec_error(text: bytes, kind: Any = Any) -> Exception:
    try:
        msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError as error:
        return error
    raise AssertionError("it fits")


def inflated() -> Exception:
    try:
        zlib.decompress(b"no zlib")
    except zlib.error as error:
        return error
    raise AssertionError("it is zlib")


def encoded() -> Exception:
    try:
        json.dumps(object())
    except TypeError as error:
        return error
    raise AssertionError("it was JSON")


orjson_error = foreign("orjson", "JSONDecodeError", json.JSONDecodeError)
ORJSON_ENCODE = foreign("orjson", "JSONEncodeError", TypeError)
SIMPLEJSON = foreign("simplejson.errors", "JSONDecodeError", ValueError)

PARSING = [
    shape("data_feed resync", "json, HTML", lambda: json_error("<html></html>")),
    shape("data_feed resync", "json, empty", lambda: json_error("")),
    shape("data_feed resync", "json, cut", lambda: json_error('{"e":"trade","E":16')),
    shape("data_feed resync", "msgspec, malformed", lambda: msgspec_error(b"{bad")),
    shape("data_feed resync", "msgspec, truncated", lambda: msgspec_error(b'{"e":')),
    shape("data_feed resync", "msgspec, another type", lambda: msgspec_error(b'{"a":"x"}', dict[str, int])),
    shape("data_feed resync", "orjson", lambda: orjson_error("unexpected character: line 1 column 1 (char 0)", "<", 0)),
    shape("data_feed resync", "simplejson", lambda: SIMPLEJSON("Expecting value: line 1 column 1 (char 0)")),
    shape("data_feed resync", "no UTF-8", lambda: UnicodeDecodeError("utf-8", b"\xff\xfe", 0, 1, "invalid start byte")),
    shape("data_feed resync", "zlib", inflated),
    shape("bug never", "json cannot encode", encoded),
    shape("bug never", "msgspec cannot encode", lambda: msgspec.EncodeError("Integer value out of range")),
    shape("bug never", "orjson cannot encode", lambda: ORJSON_ENCODE("Type is not JSON serializable: Decimal")),
]

URLLIB3 = foreign("urllib3.exceptions", "HTTPError")
POOL_ERROR = foreign("urllib3.exceptions", "PoolError", URLLIB3)
URLLIB3_REQUEST = foreign("urllib3.exceptions", "RequestError", POOL_ERROR)
URLLIB3_TIMEOUT = foreign("urllib3.exceptions", "TimeoutError", URLLIB3)
MAX_RETRY = foreign("urllib3.exceptions", "MaxRetryError", URLLIB3_REQUEST)
NEW_CONNECTION = foreign("urllib3.exceptions", "NewConnectionError", URLLIB3)
NAME_RESOLUTION = foreign("urllib3.exceptions", "NameResolutionError", NEW_CONNECTION)
URLLIB3_READ = foreign("urllib3.exceptions", "ReadTimeoutError", URLLIB3_TIMEOUT, URLLIB3_REQUEST)
URLLIB3_CONNECT = foreign("urllib3.exceptions", "ConnectTimeoutError", URLLIB3_TIMEOUT)
URLLIB3_PROTOCOL = foreign("urllib3.exceptions", "ProtocolError", URLLIB3)

REQUESTS = foreign("requests.exceptions", "RequestException", OSError)
REQUESTS_CONNECTION = foreign("requests.exceptions", "ConnectionError", REQUESTS)
REQUESTS_TIMEOUT = foreign("requests.exceptions", "Timeout", REQUESTS)
REQUESTS_CONNECT_TIMEOUT = foreign("requests.exceptions", "ConnectTimeout", REQUESTS_CONNECTION, REQUESTS_TIMEOUT)
REQUESTS_READ_TIMEOUT = foreign("requests.exceptions", "ReadTimeout", REQUESTS_TIMEOUT)
REQUESTS_SSL = foreign("requests.exceptions", "SSLError", REQUESTS_CONNECTION)
REQUESTS_PROXY = foreign("requests.exceptions", "ProxyError", REQUESTS_CONNECTION)
REQUESTS_CHUNKED = foreign("requests.exceptions", "ChunkedEncodingError", REQUESTS)
REQUESTS_SCHEMA = foreign("requests.exceptions", "MissingSchema", REQUESTS, ValueError)
REQUESTS_JSON = foreign("requests.exceptions", "JSONDecodeError", REQUESTS)
REQUESTS_HTTP = foreign("requests.exceptions", "HTTPError", REQUESTS)


class Answer:
    """A response of requests or aiohttp, as far as an error carries it."""

    def __init__(self, status: int, text: str = "", **headers: str) -> None:
        self.status_code = status
        self.text = text
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def with_fields(error: Any, **fields: Any) -> Any:
    for name, value in fields.items():
        setattr(error, name, value)
    return error


HOST = "HTTPSConnectionPool(host='api.binance.com', port=443)"

# psf/requests, urllib3 and their issue trackers: texts as they stand in thousands of bug reports.
REQUESTS_SHAPES = [
    shape(
        "network retry",
        "requests, refused",
        lambda: REQUESTS_CONNECTION(
            MAX_RETRY(
                f"{HOST}: Max retries exceeded with url: /api/v3/time (Caused by "
                f"NewConnectionError('<urllib3.connection.HTTPSConnection object at 0x7f>: "
                "Failed to establish a new connection: [Errno 111] Connection refused'))"
            )
        ),
    ),
    shape(
        "network retry",
        "requests, no name",
        lambda: REQUESTS_CONNECTION(
            MAX_RETRY(
                f"{HOST}: Max retries exceeded with url: /api/v3/time (Caused by "
                f'NameResolutionError("<urllib3.connection.HTTPSConnection object at 0x7f>: '
                "Failed to resolve 'api.binance.com' ([Errno -3] Temporary failure in name resolution)\"))"
            )
        ),
    ),
    shape(
        "unknown_outcome reconcile",
        "requests, aborted",
        lambda: REQUESTS_CONNECTION(
            URLLIB3_PROTOCOL("Connection aborted.", "RemoteDisconnected('Remote end closed connection without response')")
        ),
    ),
    shape(
        "unknown_outcome reconcile",
        "requests, reset",
        lambda: REQUESTS_CONNECTION(
            URLLIB3_PROTOCOL("Connection aborted.", ConnectionResetError(104, "Connection reset by peer"))
        ),
    ),
    shape(
        "unknown_outcome reconcile",
        "requests, read timeout as ConnectionError",
        lambda: REQUESTS_CONNECTION(URLLIB3_READ(f"{HOST}: Read timed out.")),
    ),
    shape(
        "network retry",
        "requests.ConnectTimeout",
        lambda: REQUESTS_CONNECT_TIMEOUT(
            MAX_RETRY(
                f"{HOST}: Max retries exceeded with url: /api/v3/order (Caused by "
                f"ConnectTimeoutError(<urllib3.connection.HTTPSConnection object at 0x7f>, "
                "'Connection to api.binance.com timed out. (connect timeout=5)'))"
            )
        ),
    ),
    shape(
        "unknown_outcome reconcile",
        "requests.ReadTimeout",
        lambda: REQUESTS_READ_TIMEOUT(f"{HOST}: Read timed out. (read timeout=10)"),
    ),
    shape(
        "security never",
        "requests, certificate",
        lambda: REQUESTS_SSL(
            MAX_RETRY(
                f"{HOST}: Max retries exceeded with url: /api/v3/time (Caused by "
                f"SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] "
                "certificate verify failed: unable to get local issuer certificate (_ssl.c:1006)')))"
            )
        ),
    ),
    shape(
        "network retry",
        "requests.ProxyError",
        lambda: REQUESTS_PROXY(
            MAX_RETRY(
                f"{HOST}: Max retries exceeded with url: /api/v3/time (Caused by ProxyError('Cannot connect "
                f"to proxy.', OSError('Tunnel connection failed: 403 Forbidden')))"
            )
        ),
    ),
    shape(
        "unknown_outcome reconcile",
        "requests, chunked",
        lambda: REQUESTS_CHUNKED("('Connection broken: IncompleteRead(0 bytes read)', IncompleteRead(0 bytes read))"),
    ),
    shape(
        "configuration never",
        "requests.MissingSchema",
        lambda: REQUESTS_SCHEMA(
            "Invalid URL 'api.binance.com': No scheme supplied. Perhaps you meant https://api.binance.com?"
        ),
    ),
    shape(
        "unknown_outcome reconcile",
        "requests, answer no JSON",
        lambda: REQUESTS_JSON("Expecting value: line 1 column 1 (char 0)"),
    ),
    shape(
        "unknown_outcome reconcile",
        "requests, 502",
        lambda: with_fields(
            REQUESTS_HTTP("502 Server Error: Bad Gateway for url: https://api.kraken.com/0/private/AddOrder"),
            response=Answer(502),
        ),
    ),
    shape(
        "rate_limit wait",
        "requests, 429",
        lambda: with_fields(
            REQUESTS_HTTP("429 Client Error: Too Many Requests for url: https://api.coinbase.com/api/v3/brokerage/orders"),
            response=Answer(429, Retry_After="3"),
        ),
        3.0,
    ),
    shape(
        "authentication never",
        "requests, 401",
        lambda: with_fields(
            REQUESTS_HTTP("401 Client Error: Unauthorized for url: https://api.coinbase.com/api/v3/brokerage/accounts"),
            response=Answer(401, "Unauthorized"),
        ),
    ),
    shape(
        "network retry",
        "urllib3.NewConnectionError",
        lambda: NEW_CONNECTION("Failed to establish a new connection: [Errno 113] No route to host"),
    ),
    shape(
        "network retry",
        "urllib3.NameResolutionError",
        lambda: NAME_RESOLUTION("Failed to resolve 'api.okx.com' ([Errno -2] Name or service not known)"),
    ),
    shape(
        "network retry",
        "urllib3.ConnectTimeoutError",
        lambda: URLLIB3_CONNECT("Connection to api.okx.com timed out. (connect timeout=3)"),
    ),
    shape(
        "unknown_outcome reconcile",
        "urllib3.ReadTimeoutError",
        lambda: URLLIB3_READ(f"{HOST}: Read timed out. (read timeout=10)"),
    ),
]

AIO = "aiohttp.client_exceptions"
CLIENT_ERROR = foreign(AIO, "ClientError")
CLIENT_CONNECTION = foreign(AIO, "ClientConnectionError", CLIENT_ERROR)
CLIENT_OS = foreign(AIO, "ClientOSError", CLIENT_CONNECTION, OSError)
CLIENT_CONNECTOR = foreign(AIO, "ClientConnectorError", CLIENT_OS)
CLIENT_DNS = foreign(AIO, "ClientConnectorDNSError", CLIENT_CONNECTOR)
CLIENT_CERTIFICATE = foreign(AIO, "ClientConnectorCertificateError", CLIENT_ERROR, ValueError)
SERVER_DISCONNECTED = foreign(AIO, "ServerDisconnectedError", CLIENT_CONNECTION)
SERVER_TIMEOUT = foreign(AIO, "ServerTimeoutError", CLIENT_CONNECTION, TimeoutError)
CONNECTION_TIMEOUT = foreign(AIO, "ConnectionTimeoutError", SERVER_TIMEOUT)
SOCKET_TIMEOUT = foreign(AIO, "SocketTimeoutError", SERVER_TIMEOUT)
CLIENT_PAYLOAD = foreign(AIO, "ClientPayloadError", CLIENT_ERROR)
CLIENT_RESET = foreign(AIO, "ClientConnectionResetError", CLIENT_CONNECTION, ConnectionResetError)
CLIENT_RESPONSE = foreign(AIO, "ClientResponseError", CLIENT_ERROR)
WS_HANDSHAKE = foreign(AIO, "WSServerHandshakeError", CLIENT_RESPONSE)
CONTENT_TYPE = foreign(AIO, "ContentTypeError", CLIENT_RESPONSE, ValueError)

# aio-libs/aiohttp, docs "Client exceptions"; ccxt and hummingbot issues.
AIOHTTP = [
    shape(
        "network retry",
        "aiohttp, refused",
        lambda: CLIENT_CONNECTOR(
            111, "Cannot connect to host api.binance.com:443 ssl:default [Connect call failed ('1.2.3.4', 443)]"
        ),
    ),
    shape(
        "network retry",
        "aiohttp, no name",
        lambda: CLIENT_DNS(-3, "Cannot connect to host api.binance.com:443 ssl:default [Temporary failure in name resolution]"),
    ),
    shape(
        "security never",
        "aiohttp, certificate",
        lambda: CLIENT_CERTIFICATE(
            "Cannot connect to host api.binance.com:443 ssl:True [SSLCertVerificationError: (1, '[SSL: "
            "CERTIFICATE_VERIFY_FAILED] certificate verify failed')]"
        ),
    ),
    shape("unknown_outcome reconcile", "aiohttp, disconnected", lambda: SERVER_DISCONNECTED("Server disconnected")),
    shape("unknown_outcome reconcile", "aiohttp, reset", lambda: CLIENT_OS(104, "Connection reset by peer")),
    shape("unknown_outcome reconcile", "aiohttp, closing transport", lambda: CLIENT_RESET("Cannot write to closing transport")),
    shape(
        "network retry",
        "aiohttp, connect timeout",
        lambda: CONNECTION_TIMEOUT("Connection timeout to host https://api.binance.com/api/v3/time"),
    ),
    shape("unknown_outcome reconcile", "aiohttp, read timeout", lambda: SOCKET_TIMEOUT("Timeout on reading data from socket")),
    shape(
        "unknown_outcome reconcile",
        "aiohttp, payload",
        lambda: CLIENT_PAYLOAD("Response payload is not completed: <ContentLengthError: 400, message='Not enough data'>"),
    ),
    shape(
        "unknown_outcome reconcile",
        "aiohttp, 500",
        lambda: with_fields(CLIENT_RESPONSE("500, message='Internal Server Error'"), status=500, headers={}),
    ),
    shape(
        "rate_limit wait",
        "aiohttp, 429",
        lambda: with_fields(CLIENT_RESPONSE("429, message='Too Many Requests'"), status=429, headers={"Retry-After": "5"}),
        5.0,
    ),
    shape(
        "exchange retry",
        "aiohttp, handshake 503",
        lambda: with_fields(WS_HANDSHAKE("503, message='Invalid response status'"), status=503, headers={}),
    ),
    shape(
        "unknown_outcome reconcile",
        "aiohttp, answer no JSON",
        lambda: with_fields(
            CONTENT_TYPE("200, message='Attempt to decode JSON with unexpected mimetype: text/html'"), status=200, headers={}
        ),
    ),
]

BINANCE_API = foreign("binance.exceptions", "BinanceAPIException")
BINANCE_REQUEST = foreign("binance.exceptions", "BinanceRequestException")
BINANCE_CLIENT = foreign("binance.error", "ClientError")
BINANCE_SERVER = foreign("binance.error", "ServerError")
PYBIT_INVALID = foreign("pybit.exceptions", "InvalidRequestError")
OKX_API = foreign("okx.exceptions", "OkxAPIException")

# python-binance, binance-connector-python, pybit, python-okx: their attributes, as read in their sources.
CLIENTS = [
    shape(
        "order fix",
        "python-binance -2010",
        lambda: with_fields(
            BINANCE_API("APIError(code=-2010): Account has insufficient balance for requested action."),
            status_code=400,
            code=-2010,
            message="Account has insufficient balance for requested action.",
        ),
    ),
    shape(
        "unknown_outcome reconcile",
        "python-binance -1007",
        lambda: with_fields(
            BINANCE_API(
                "APIError(code=-1007): Timeout waiting for response from backend server. Send status unknown; "
                "execution status unknown."
            ),
            status_code=408,
            code=-1007,
            message="Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
        ),
    ),
    shape(
        "unknown_outcome reconcile",
        "python-binance, HTML",
        lambda: with_fields(
            BINANCE_API(
                "APIError(code=0): Invalid JSON error message from Binance: <html><head><title>502 Bad "
                "Gateway</title></head></html>"
            ),
            status_code=502,
            code=0,
            message="Invalid JSON error message from Binance: <html><head><title>502 Bad Gateway</title></head></html>",
        ),
    ),
    shape("unknown_outcome reconcile", "python-binance, invalid response", lambda: BINANCE_REQUEST("Invalid Response: <html>")),
    shape(
        "authentication never",
        "binance-connector -2015",
        lambda: with_fields(
            BINANCE_CLIENT(401, -2015, "Invalid API-key, IP, or permissions for action."),
            status_code=401,
            error_code=-2015,
            error_message="Invalid API-key, IP, or permissions for action.",
            header={},
        ),
    ),
    shape(
        "rate_limit wait",
        "binance-connector -1003",
        lambda: with_fields(
            BINANCE_CLIENT(429, -1003, "Too many requests queued."),
            status_code=429,
            error_code=-1003,
            error_message="Too many requests queued.",
            header={"Retry-After": "9"},
        ),
        9.0,
    ),
    shape(
        "unknown_outcome reconcile",
        "binance-connector 504",
        lambda: with_fields(BINANCE_SERVER(504, "<html>"), status_code=504, message="<html>"),
    ),
    shape(
        "order fix",
        "pybit 110007",
        lambda: with_fields(
            PYBIT_INVALID("ab not enough for new order (ErrCode: 110007) (ErrTime: 10:00:00)."),
            status_code=110007,
            message="ab not enough for new order",
        ),
    ),
    shape(
        "system resync",
        "pybit 10002",
        lambda: with_fields(
            PYBIT_INVALID(
                "invalid request, please check your server timestamp or recv_window param (ErrCode: 10002) (ErrTime: 10:00:00)."
            ),
            status_code=10002,
            message="invalid request, please check your server timestamp or recv_window param",
        ),
    ),
    shape(
        "authentication never",
        "python-okx 50111",
        lambda: with_fields(
            OKX_API("API Request Error(code=50111): Invalid OK-ACCESS-KEY"),
            code="50111",
            message="Invalid OK-ACCESS-KEY",
            status_code=401,
        ),
    ),
]

SHAPES: list[Shape] = [*HTTPX, *WEBSOCKETS, *PARSING, *REQUESTS_SHAPES, *AIOHTTP, *CLIENTS]
