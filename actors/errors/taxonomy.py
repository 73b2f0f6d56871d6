"""The exception tree of the actors.

    ActorsError
    ├── NetworkError (OSError)
    │   ├── ConnectFailed          a socket or a request could not be opened: refused, no route, TLS, handshake
    │   └── ConnectionLost         an open connection ended, cleanly or not
    ├── CircuitOpen                a breaker does not let the attempt through, and says until when
    ├── ExchangeRefused            the exchange answered with an error: status, code and its words
    ├── BadFrame (ValueError)      a frame that is no JSON, or not what its stream announces
    ├── UnknownInstrument (LookupError)
    └── RecordingError (ValueError)  a recording that cannot be read: file, line and reason

Each carries fields for programs; `str()` of each is one plain sentence for people.
"""

from __future__ import annotations

__all__ = [
    "ActorsError",
    "BadFrame",
    "CircuitOpen",
    "ConnectFailed",
    "ConnectionLost",
    "ExchangeRefused",
    "NetworkError",
    "RecordingError",
    "UnknownInstrument",
]

SAMPLE = 120
"""Characters of a bad frame that an error keeps: enough to recognise it, too little to fill a log."""


class ActorsError(Exception):
    """Base of all errors that `actors` raises on purpose."""


class NetworkError(ActorsError, OSError):
    """The network, not the exchange, is the trouble."""


class ConnectFailed(NetworkError):
    """A connection could not be opened.

    Args:
        url: where to, without credentials.
        reason: why not, in plain words.
    """

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"cannot connect to {url}: {reason}")
        self.url = url
        self.reason = reason


class ConnectionLost(NetworkError):
    """An open connection ended.

    Args:
        clean: the other side said goodbye (a close frame was received), rather than vanish.
        code: the WebSocket close code, 1006 where there was none.
        reason: the close frame's text, or what the socket said.
    """

    def __init__(self, *, clean: bool, code: int, reason: str) -> None:
        how = "was closed" if clean else "was lost"
        super().__init__(f"the connection {how} ({code}{': ' + reason if reason else ''})")
        self.clean = clean
        self.code = code
        self.reason = reason


class CircuitOpen(ActorsError):
    """A breaker does not let this attempt through.

    Args:
        name: the breaker's name.
        until: when to ask again, in seconds of the loop's clock; `math.inf` where only an operator lifts it.
    """

    def __init__(self, name: str, until: float) -> None:
        super().__init__(f"the breaker of {name} is open until {until:.3f}")
        self.name = name
        self.until = until


class ExchangeRefused(ActorsError):
    """The exchange answered, with an error.

    Args:
        status: the HTTP status; 0 for an answer over a stream.
        code: the exchange's own code; 0 where it gave none.
        message: the exchange's own words.
        retry_after: seconds that the exchange asked to wait, or None.
    """

    def __init__(self, status: int, code: int, message: str, retry_after: float | None = None) -> None:
        where = f"HTTP {status}, " if status else ""
        super().__init__(f"the exchange refused: {where}code {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after


class BadFrame(ActorsError, ValueError):
    """A frame that cannot be used.

    Args:
        reason: what is wrong with it.
        payload: the frame; only its beginning is kept.
    """

    def __init__(self, reason: str, payload: bytes | str) -> None:
        sample = payload[:SAMPLE]
        self.sample = sample if isinstance(sample, str) else sample.decode("utf-8", "replace")
        super().__init__(f"{reason}: {self.sample!r}{'…' if len(payload) > SAMPLE else ''}")
        self.reason = reason


class UnknownInstrument(ActorsError, LookupError):
    """No such instrument, or not written as one.

    Args:
        instrument: what was asked for.
        reason: why it is not known.
    """

    def __init__(self, instrument: str, reason: str) -> None:
        super().__init__(f"unknown instrument {instrument!r}: {reason}")
        self.instrument = instrument
        self.reason = reason


class RecordingError(ActorsError, ValueError):
    """A recording that cannot be read.

    Args:
        path: the file.
        line: 1-based line number; 0 where the file as a whole is the trouble.
        reason: why.
        skipped: how many lines had been skipped until then.
    """

    def __init__(self, path: str, line: int, reason: str, skipped: int = 0) -> None:
        where = f"{path}, line {line}" if line else path
        extra = f" ({skipped} {'line' if skipped == 1 else 'lines'} skipped before)" if skipped else ""
        super().__init__(f"cannot read the recording {where}: {reason}{extra}")
        self.path = path
        self.line = line
        self.reason = reason
        self.skipped = skipped
