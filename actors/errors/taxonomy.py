"""The exception tree of the actors.

    ActorsError
    ├── NetworkError (OSError)                the way to the exchange, not the exchange, is the trouble
    │   ├── ConnectFailed                     a socket or a request could not be opened: refused, no route, TLS, handshake
    │   ├── ConnectionLost                    an open connection ended, cleanly or not
    │   └── NetworkTimeout (TimeoutError)     no answer in time, to something that was certainly not carried out
    ├── RateLimited                           too many requests: `retry_after`
    │   └── Banned                            the exchange lets this address wait: `until`
    ├── AuthenticationError                   the key, the signature, or what the key may do
    ├── ValidationError (ValueError)          the request is wrong, and will be wrong each time: field, value, expected
    ├── ConfigurationError (ValueError)       what a person configured cannot work: problems, all at once
    ├── DataFeedError
    │   ├── BadFrame (ValueError)             a frame that is no JSON, or not what its stream announces
    │   ├── MarketDataError (ValueError)      a value that no market can have: symbol, what
    │   ├── DataGap                           messages are missing: symbol, expected, received
    │   ├── StaleData                         nothing new for too long: symbol, age, limit
    │   ├── UnknownInstrument (LookupError)
    │   └── RecordingError (ValueError)       a recording that cannot be read: file, line and reason
    ├── BrokerError                           the exchange, as far as it takes orders
    │   ├── ExchangeRefused                   it answered with an error: status, its own code and words
    │   ├── ExchangeUnavailable               busy, in maintenance, shutting down: nothing was carried out
    │   ├── OrderError                        an order did not do what it should: symbol, order ids
    │   │   ├── OrderRejected                 refused, for a reason that stays
    │   │   │   └── InsufficientFunds         the balance does not cover it
    │   │   ├── MarketClosed                  the symbol does not trade now
    │   │   └── UnknownOrder (LookupError)    no such order: filled, cancelled, or never there
    │   └── UnknownOutcome                    it may have been carried out: ask by `client_order_id` before anything else
    ├── StrategyError
    │   └── IndicatorError (ArithmeticError)
    ├── PositionError                         a position is not what it should be: symbol, expected, actual
    ├── MemoryPressure                        memory runs short: used, limit
    ├── SystemFault                           the machine or the process: descriptors, threads, disk, clock
    ├── RecoveryError
    │   ├── CircuitOpen                       a breaker does not let the attempt through, and says until when
    │   ├── CallTimeout (TimeoutError)        our own timeout ended a call, whose outcome is unknown
    │   ├── BulkheadFull                      too many calls at once: name, limit
    │   ├── LimitReached                      our own rate limit: the wait would be too long
    │   ├── RecoveryRunning                   this incident is being recovered from already
    │   └── RecoveryFailed                    every recovery action was tried: incident, attempts
    │       └── RecoveryLoop                  a recovery would wait for itself: chain
    ├── NotificationError                     a message to a person did not go out: channel
    ├── StorageError (OSError)                what must be remembered could not be written or read
    └── SecurityError (PermissionError)       something that must not happen; never tried again

Each carries fields for programs (`to_dict()` has them all); `str()` of each is one plain sentence for people. The module
is long because the tree above is what one looks for, and an error that stood elsewhere would be missing in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Unpack

from actors.errors.base import ActorsError, cleaned
from actors.errors.context import ErrorFields
from actors.errors.kinds import Action, Category, Recoverability, Severity
from supervisor.secrets import HIDDEN, redact

__all__ = [
    "AuthenticationError",
    "BadFrame",
    "Banned",
    "BrokerError",
    "BulkheadFull",
    "CallTimeout",
    "CircuitOpen",
    "ConfigurationError",
    "ConnectFailed",
    "ConnectionLost",
    "DataFeedError",
    "DataGap",
    "ExchangeRefused",
    "ExchangeUnavailable",
    "IndicatorError",
    "InsufficientFunds",
    "LimitReached",
    "MarketClosed",
    "MarketDataError",
    "MemoryPressure",
    "NetworkError",
    "NetworkTimeout",
    "NotificationError",
    "OrderError",
    "OrderRejected",
    "PositionError",
    "RateLimited",
    "RecordingError",
    "RecoveryError",
    "RecoveryFailed",
    "RecoveryLoop",
    "RecoveryRunning",
    "SecurityError",
    "StaleData",
    "StorageError",
    "StrategyError",
    "SystemFault",
    "UnknownInstrument",
    "UnknownOrder",
    "UnknownOutcome",
    "ValidationError",
]

SAMPLE = 120
"""Characters of a bad frame that an error keeps: enough to recognise it, too little to fill a log."""
CUT = 512
"""Characters beyond them that are looked at for secrets."""


class NetworkError(ActorsError, OSError):
    """The network, not the exchange, is the trouble."""

    category = Category.NETWORK
    severity = Severity.WARNING
    recoverability = Recoverability.TRANSIENT
    action = Action.RETRY
    code = "network"


class ConnectFailed(NetworkError):
    """A connection could not be opened. Whatever was to be sent was not sent.

    Args:
        url: where to, without credentials.
        reason: why not, in plain words.
        status: the HTTP status with which a handshake was refused; None: there was no such answer.
        retry_after: seconds that this answer asked to wait, or None.
    """

    code = "connect_failed"

    def __init__(
        self,
        url: str,
        reason: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        **fields: Unpack[ErrorFields],
    ) -> None:
        super().__init__(f"cannot connect to {url}: {reason}", **fields)
        self.url = url
        self.reason = reason
        self.status = status
        self.retry_after = retry_after


class ConnectionLost(NetworkError):
    """An open connection ended.

    Nobody knows what became of what was sent over it last, goodbye or not: for an order that is an unknown outcome.

    Args:
        clean: the other side said goodbye (a close frame was received), rather than vanish.
        close_code: the WebSocket close code, 1006 where there was none.
        reason: the close frame's text, or what the socket said.
    """

    category = Category.UNKNOWN_OUTCOME
    recoverability = Recoverability.FIXABLE
    action = Action.RECONCILE
    code = "connection_lost"

    def __init__(self, *, clean: bool, close_code: int, reason: str, **fields: Unpack[ErrorFields]) -> None:
        how = "was closed" if clean else "was lost"
        super().__init__(f"the connection {how} ({close_code}{': ' + reason if reason else ''})", **fields)
        self.clean = clean
        self.close_code = close_code
        self.reason = reason


class NetworkTimeout(NetworkError, TimeoutError):
    """No answer in time, to something that was certainly not carried out: a connect, a handshake, a ping.

    Args:
        what: what was waited for.
        within: seconds.
    """

    code = "network_timeout"

    def __init__(self, what: str, within: float, **fields: Unpack[ErrorFields]) -> None:
        super().__init__(f"no answer to {what} within {within:g} s", **fields)
        self.what = what
        self.within = within


class RateLimited(ActorsError):
    """Too many requests, in the exchange's opinion.

    Args:
        message: what it said.
        retry_after: seconds that it asked to wait, or None.
    """

    category = Category.RATE_LIMIT
    severity = Severity.WARNING
    recoverability = Recoverability.TRANSIENT
    action = Action.WAIT
    code = "rate_limited"

    def __init__(self, message: str, retry_after: float | None = None, **fields: Unpack[ErrorFields]) -> None:
        super().__init__(message, **fields)
        self.retry_after = retry_after


class Banned(RateLimited):
    """The exchange answers nobody at this address for a while. Every further request may lengthen it.

    Args:
        message: what it said.
        until: wall-clock time in seconds since 1970, or None where it was not named.
        retry_after: seconds that it asked to wait, or None.
    """

    severity = Severity.CRITICAL
    code = "banned"

    def __init__(
        self, message: str, until: float | None = None, retry_after: float | None = None, **fields: Unpack[ErrorFields]
    ) -> None:
        super().__init__(message, retry_after, **fields)
        self.until = until


class AuthenticationError(ActorsError):
    """The key, the signature, or what the key may do. The same request fails again."""

    category = Category.AUTHENTICATION
    severity = Severity.CRITICAL
    recoverability = Recoverability.OPERATOR
    action = Action.NEVER
    code = "authentication"
    hint: str | None = "check the API key, its permissions and its list of allowed addresses"


class ValidationError(ActorsError, ValueError):
    """The request is wrong, and will be wrong each time.

    Args:
        field: which part of it.
        value: what was given. It is not kept, as it may be secret; only what the sentence shows of it is.
        expected: what is expected.
    """

    category = Category.VALIDATION
    recoverability = Recoverability.FIXABLE
    action = Action.FIX
    code = "validation"

    def __init__(self, field: str, value: object, expected: str, **fields: Unpack[ErrorFields]) -> None:
        shown = HIDDEN if redact({field: ""})[redact(field)] == HIDDEN else repr(value)
        super().__init__(f"{field} is {shown}; expected {expected}", **fields)
        self.field = field
        self.expected = expected


class ConfigurationError(ActorsError, ValueError):
    """What a person configured cannot work.

    Args:
        source: the file, or what else it stands in.
        problems: everything that is wrong with it, one sentence each.
    """

    category = Category.CONFIGURATION
    recoverability = Recoverability.OPERATOR
    code = "configuration"

    def __init__(self, source: str, problems: Sequence[str], **fields: Unpack[ErrorFields]) -> None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n  ".join((f"{source} has {count}:", *problems)), **fields)
        self.source = source
        self.problems: tuple[str, ...] = tuple(problems)


class DataFeedError(ActorsError):
    """Market data that is bad, missing or old."""

    category = Category.DATA_FEED
    severity = Severity.WARNING
    recoverability = Recoverability.FIXABLE
    action = Action.RESYNC
    code = "data_feed"


class BadFrame(DataFeedError, ValueError):
    """A frame that cannot be used.

    Args:
        reason: what is wrong with it.
        payload: the frame; only its beginning is kept.
    """

    code = "bad_frame"

    def __init__(self, reason: str, payload: bytes | str, **fields: Unpack[ErrorFields]) -> None:
        # Cleaned before it is cut: a secret that the cut went through would no longer look like one.
        text = payload[: SAMPLE + CUT]
        self.sample: str = cleaned(text if isinstance(text, str) else text.decode("utf-8", "replace"))[:SAMPLE]
        super().__init__(f"{reason}: {self.sample!r}{'…' if len(payload) > SAMPLE else ''}", **fields)
        self.reason = reason


class MarketDataError(DataFeedError, ValueError):
    """A value that no market can have: a negative price, a crossed book.

    Args:
        symbol: of which instrument.
        what: what is wrong with it.
    """

    code = "market_data"

    def __init__(self, symbol: str, what: str, **fields: Unpack[ErrorFields]) -> None:
        super().__init__(f"bad market data of {symbol}: {what}", **fields)
        self.symbol = symbol
        self.what = what


class DataGap(DataFeedError):
    """Messages are missing.

    Args:
        symbol: of which instrument.
        expected: the id that should have come.
        received: the id that came.
    """

    code = "data_gap"

    def __init__(self, symbol: str, expected: int, received: int, **fields: Unpack[ErrorFields]) -> None:
        super().__init__(f"data of {symbol} is missing: expected id {expected}, received {received}", **fields)
        self.symbol = symbol
        self.expected = expected
        self.received = received


class StaleData(DataFeedError):
    """Nothing new for too long.

    Args:
        symbol: of which instrument.
        age: seconds since the last news.
        limit: seconds that would be acceptable.
    """

    code = "stale_data"

    def __init__(self, symbol: str, age: float, limit: float, **fields: Unpack[ErrorFields]) -> None:
        super().__init__(f"data of {symbol} is {age:g} s old; expected news within {limit:g} s", **fields)
        self.symbol = symbol
        self.age = age
        self.limit = limit


class UnknownInstrument(DataFeedError, LookupError):
    """No such instrument, or not written as one.

    Args:
        instrument: what was asked for.
        reason: why it is not known.
    """

    severity = Severity.ERROR
    action = Action.FIX
    code = "unknown_instrument"

    def __init__(self, instrument: str, reason: str, **fields: Unpack[ErrorFields]) -> None:
        super().__init__(f"unknown instrument {instrument!r}: {reason}", **fields)
        self.instrument = instrument
        self.reason = reason


class RecordingError(DataFeedError, ValueError):
    """A recording that cannot be read.

    Args:
        path: the file.
        line: 1-based line number; 0 where the file as a whole is the trouble.
        reason: why.
        skipped: how many lines had been skipped until then.
    """

    severity = Severity.ERROR
    recoverability = Recoverability.OPERATOR
    action = Action.NEVER
    code = "recording"

    def __init__(self, path: str, line: int, reason: str, skipped: int = 0, **fields: Unpack[ErrorFields]) -> None:
        where = f"{path}, line {line}" if line else path
        extra = f" ({skipped} {'line' if skipped == 1 else 'lines'} skipped before)" if skipped else ""
        super().__init__(f"cannot read the recording {where}: {reason}{extra}", **fields)
        self.path = path
        self.line = line
        self.reason = reason
        self.skipped = skipped


class BrokerError(ActorsError):
    """The exchange, as far as it takes orders."""

    category = Category.EXCHANGE
    code = "broker"


class ExchangeRefused(BrokerError):
    """The exchange answered, with an error. What it means, `classify` says: by status, code and words.

    Args:
        status: the HTTP status; 0 for an answer over a stream.
        exchange_code: the exchange's own code; 0 where it gave none.
        message: the exchange's own words.
        retry_after: seconds that the exchange asked to wait, or None.
        venue: which exchange, where that is known: its codes mean something else elsewhere.
    """

    code = "exchange_refused"

    def __init__(
        self,
        status: int,
        exchange_code: int | str,
        message: str,
        retry_after: float | None = None,
        *,
        venue: str | None = None,
        **fields: Unpack[ErrorFields],
    ) -> None:
        where = f"HTTP {status}, " if status else ""
        super().__init__(f"the exchange refused: {where}code {exchange_code}: {message}", **fields)
        self.status = status
        self.exchange_code = exchange_code
        self.message = message
        self.retry_after = retry_after
        self.venue = venue


class ExchangeUnavailable(BrokerError):
    """Busy, in maintenance, shutting down. Nothing was carried out.

    Args:
        message: what it said.
        retry_after: seconds that it asked to wait, or None.
    """

    severity = Severity.WARNING
    recoverability = Recoverability.TRANSIENT
    action = Action.RETRY
    code = "exchange_unavailable"

    def __init__(self, message: str, retry_after: float | None = None, **fields: Unpack[ErrorFields]) -> None:
        super().__init__(message, **fields)
        self.retry_after = retry_after


class OrderError(BrokerError):
    """An order did not do what it should. It is certain that it did nothing.

    Args:
        message: what is wrong.
        symbol: of which instrument.
        client_order_id: the bot's own id of the order.
        order_id: the exchange's id of the order.
    """

    category = Category.ORDER
    recoverability = Recoverability.FIXABLE
    action = Action.FIX
    code = "order"

    def __init__(
        self,
        message: str,
        *,
        symbol: str | None = None,
        client_order_id: str | None = None,
        order_id: str | None = None,
        **fields: Unpack[ErrorFields],
    ) -> None:
        super().__init__(message, **fields)
        self.symbol = symbol
        self.client_order_id = client_order_id
        self.order_id = order_id


class OrderRejected(OrderError):
    """Refused, for a reason that stays as long as the order stays as it is."""

    code = "order_rejected"


class InsufficientFunds(OrderRejected):
    """The balance does not cover it."""

    code = "insufficient_funds"
    hint: str | None = "refresh the balances; lower the quantity or cancel resting orders"


class MarketClosed(OrderError):
    """The symbol does not trade now."""

    severity = Severity.WARNING
    recoverability = Recoverability.TRANSIENT
    action = Action.WAIT
    code = "market_closed"


class UnknownOrder(OrderError, LookupError):
    """No such order: filled, cancelled, or never there."""

    severity = Severity.WARNING
    action = Action.RECONCILE
    code = "unknown_order"


class UnknownOutcome(BrokerError):
    """It may have been carried out. Sending it again may do it twice.

    Args:
        message: what happened.
        client_order_id: the bot's own id of the order, by which to ask what became of it.
    """

    category = Category.UNKNOWN_OUTCOME
    recoverability = Recoverability.FIXABLE
    action = Action.RECONCILE
    code = "unknown_outcome"
    hint: str | None = "ask what became of it, by the client order id, before anything is sent again"

    def __init__(self, message: str, *, client_order_id: str | None = None, **fields: Unpack[ErrorFields]) -> None:
        super().__init__(message, **fields)
        self.client_order_id = client_order_id


class StrategyError(ActorsError):
    """A strategy cannot go on."""

    category = Category.STRATEGY
    code = "strategy"


class IndicatorError(StrategyError, ArithmeticError):
    """An indicator has no value: too little data, a division by zero."""

    severity = Severity.WARNING
    recoverability = Recoverability.TRANSIENT
    code = "indicator"


class PositionError(ActorsError):
    """A position or balance is not what it should be.

    Args:
        symbol: of which instrument or asset.
        expected: what the bot thinks.
        actual: what the exchange says.
    """

    category = Category.POSITION
    severity = Severity.CRITICAL
    recoverability = Recoverability.FIXABLE
    action = Action.RECONCILE
    code = "position"

    def __init__(self, symbol: str, expected: object, actual: object, **fields: Unpack[ErrorFields]) -> None:
        super().__init__(f"the position in {symbol} is {actual}; expected {expected}", **fields)
        self.symbol = symbol
        self.expected = expected
        self.actual = actual


class MemoryPressure(ActorsError):
    """Memory runs short.

    Args:
        used: bytes in use.
        limit: bytes that are allowed.
    """

    category = Category.MEMORY
    severity = Severity.CRITICAL
    recoverability = Recoverability.TRANSIENT
    code = "memory_pressure"

    def __init__(self, used: int, limit: int, **fields: Unpack[ErrorFields]) -> None:
        super().__init__(f"{used / 2**20:.0f} MiB of memory are in use; the limit is {limit / 2**20:.0f} MiB", **fields)
        self.used = used
        self.limit = limit


class SystemFault(ActorsError):
    """The machine or the process: descriptors, threads, disk, clock."""

    category = Category.SYSTEM
    severity = Severity.CRITICAL
    code = "system"


class RecoveryError(ActorsError):
    """A guard did not let a call through, or a recovery failed."""

    category = Category.RECOVERY
    code = "recovery"


class CircuitOpen(RecoveryError):
    """A breaker does not let this attempt through. Whatever was to be sent was not sent.

    Args:
        name: the breaker's name.
        until: when to ask again, in seconds of the loop's clock; `math.inf` where only an operator lifts it.
        retry_after: the same as seconds from now, where they are known.
        state: the breaker's state.
        last: the failure that opened it, in words.
    """

    severity = Severity.WARNING
    recoverability = Recoverability.TRANSIENT
    action = Action.WAIT
    code = "circuit_open"

    def __init__(
        self,
        name: str,
        until: float,
        *,
        retry_after: float | None = None,
        state: str = "open",
        last: str | None = None,
        **fields: Unpack[ErrorFields],
    ) -> None:
        if until == math.inf:
            when = "until an operator lets go"
        else:  # an instant of the loop's clock says nothing to people
            when = f"until {until:.3f}" if retry_after is None else f"for {retry_after:.3g} s more"
        because = f"; the last failure was {last}" if last else ""
        super().__init__(f"the breaker of {name} is {state} {when}{because}", **fields)
        self.name = name
        self.until = until
        self.retry_after = retry_after
        self.state = state
        self.last = last


class CallTimeout(RecoveryError, TimeoutError):
    """Our own timeout ended a call. What it had sent by then may be carried out.

    Args:
        what: which call.
        within: seconds that it was given.
        name: which timeout, where several are nested.
    """

    category = Category.UNKNOWN_OUTCOME
    severity = Severity.WARNING
    recoverability = Recoverability.FIXABLE
    action = Action.RECONCILE
    code = "call_timeout"

    def __init__(self, what: str, within: float, *, name: str | None = None, **fields: Unpack[ErrorFields]) -> None:
        which = f" (the timeout {name})" if name else ""
        super().__init__(f"{what} did not end within {within:g} s{which}", **fields)
        self.what = what
        self.within = within
        self.name = name


class BulkheadFull(RecoveryError):
    """Too many calls at once, and too many that wait. Whatever was to be sent was not sent.

    Args:
        name: the bulkhead's name.
        limit: how many calls it allows at once.
        waiting: how many waited.
    """

    severity = Severity.WARNING
    recoverability = Recoverability.TRANSIENT
    action = Action.RETRY
    code = "bulkhead_full"

    def __init__(self, name: str, limit: int, waiting: int = 0, **fields: Unpack[ErrorFields]) -> None:
        queue = f", and {waiting} wait" if waiting else ""
        super().__init__(f"the bulkhead {name} is full: {limit} calls at once{queue}", **fields)
        self.name = name
        self.limit = limit
        self.waiting = waiting


class LimitReached(RecoveryError):
    """Our own rate limit. Whatever was to be sent was not sent.

    Args:
        name: the limiter's name.
        retry_after: seconds until there would be room.
    """

    severity = Severity.WARNING
    recoverability = Recoverability.TRANSIENT
    action = Action.WAIT
    code = "limit_reached"

    def __init__(self, name: str, retry_after: float, **fields: Unpack[ErrorFields]) -> None:
        super().__init__(f"the limit of {name} is reached; there is room in {retry_after:.3g} s", **fields)
        self.name = name
        self.retry_after: float | None = retry_after


class RecoveryRunning(RecoveryError):
    """This incident is being recovered from already.

    Args:
        incident: what is being recovered from.
        since: seconds since it began.
    """

    severity = Severity.INFO
    recoverability = Recoverability.TRANSIENT
    action = Action.RETRY
    code = "recovery_running"

    def __init__(self, incident: str, since: float, **fields: Unpack[ErrorFields]) -> None:
        super().__init__(f"{incident} is being recovered from already, since {since:.3f} s", **fields)
        self.incident = incident
        self.since = since


class RecoveryFailed(RecoveryError):
    """Every recovery action was tried, or none was made for the reason that is given.

    Args:
        incident: what was to be recovered from.
        attempts: how many actions were tried.
        reason: why none was made.
    """

    severity = Severity.CRITICAL
    code = "recovery_failed"

    def __init__(self, incident: str, attempts: int, reason: str | None = None, **fields: Unpack[ErrorFields]) -> None:
        super().__init__(f"no recovery from {incident}: {reason or f'{attempts} attempts failed'}", **fields)
        self.incident = incident
        self.attempts = attempts
        self.reason = reason


class RecoveryLoop(RecoveryFailed):
    """A recovery met its own incident, or would wait for one that waits for it. It is refused at once.

    Args:
        incident: what was to be recovered from.
        chain: the incidents that are being recovered from, each inside the one before, outermost first.
    """

    severity = Severity.ERROR
    code = "recovery_loop"

    def __init__(self, incident: str, chain: Sequence[str], **fields: Unpack[ErrorFields]) -> None:
        super().__init__(incident, 0, f"its recovery would wait for itself: {' -> '.join((*chain, incident))}", **fields)
        self.chain: tuple[str, ...] = tuple(chain)


class NotificationError(ActorsError):
    """A message to a person did not go out.

    Args:
        channel: by which way.
        reason: why not.
    """

    category = Category.NOTIFICATION
    recoverability = Recoverability.TRANSIENT
    action = Action.RETRY
    code = "notification"

    def __init__(self, channel: str, reason: str, **fields: Unpack[ErrorFields]) -> None:
        super().__init__(f"the notification by {channel} failed: {reason}", **fields)
        self.channel = channel
        self.reason = reason


class StorageError(ActorsError, OSError):
    """What must be remembered could not be written or read."""

    category = Category.STORAGE
    severity = Severity.CRITICAL
    code = "storage"


class SecurityError(ActorsError, PermissionError):
    """Something that must not happen: a certificate that is not trusted, a secret in the open. Never tried again."""

    category = Category.SECURITY
    severity = Severity.CRITICAL
    code = "security"
