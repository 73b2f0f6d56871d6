"""The words in which an error is judged: what it concerns, how bad it is, who can mend it, what to do now."""

from __future__ import annotations

from enum import IntEnum, StrEnum

__all__ = ["Action", "Category", "Recoverability", "Severity"]


class Category(StrEnum):
    """What an error concerns."""

    NETWORK = "network"
    """The way to the exchange: no connection, lost connection, TLS, a name that is not found."""
    RATE_LIMIT = "rate_limit"
    """Too many requests, orders, connections or messages; bans too."""
    AUTHENTICATION = "authentication"
    """The key, the signature, or what the key may do."""
    VALIDATION = "validation"
    """The request itself is wrong, and will be wrong each time."""
    CONFIGURATION = "configuration"
    """What a person wrote into a configuration or a spec."""
    DATA_FEED = "data_feed"
    """Market data that is bad, missing or old."""
    EXCHANGE = "exchange"
    """The exchange itself: busy, in maintenance, endpoint retired. The request was not carried out."""
    ORDER = "order"
    """An order or a cancel was refused, or the order is not known. It is certain that it did nothing."""
    UNKNOWN_OUTCOME = "unknown_outcome"
    """The request may have been carried out. Nobody knows until somebody asks."""
    STRATEGY = "strategy"
    """A strategy or an indicator."""
    POSITION = "position"
    """A position or balance that is not what it should be."""
    MEMORY = "memory"
    """Memory runs short."""
    SYSTEM = "system"
    """The machine or the process: files, descriptors, threads, signals, cancellation."""
    RECOVERY = "recovery"
    """A recovery failed, or a guard (breaker, bulkhead, budget) did not let a call through."""
    NOTIFICATION = "notification"
    """A message to a person did not go out."""
    STORAGE = "storage"
    """What must be remembered could not be written or read."""
    SECURITY = "security"
    """Something that must not happen: a certificate that is not trusted, a secret in the open."""
    BUG = "bug"
    """The program itself is wrong: a type, a name, a key, an index."""
    UNKNOWN = "unknown"
    """No rule knows it."""


class Severity(IntEnum):
    """How bad an error is. Ordered: `error.severity >= Severity.ERROR`. The numbers are those of `logging`."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40
    CRITICAL = 50


class Recoverability(StrEnum):
    """Who can mend it."""

    TRANSIENT = "transient"
    """Time alone, or the same call once more."""
    FIXABLE = "fixable"
    """The program, by something else first: resynchronise, reconcile, correct the request."""
    OPERATOR = "operator"
    """A person."""
    PERMANENT = "permanent"
    """Nobody: what was lost stays lost."""


class Action(StrEnum):
    """What to do now."""

    RETRY = "retry"
    """The same call again, after the usual backoff. For a lost connection: reconnect."""
    WAIT = "wait"
    """The same call again, but not before the time that the other side names."""
    RESYNC = "resync"
    """Make our view right first (clock, book, subscription), then the call again."""
    RECONCILE = "reconcile"
    """Ask what became of it, by the client's own id, before anything is sent again."""
    FIX = "fix"
    """Correct the request and send it anew; unchanged it fails each time."""
    NEVER = "never"
    """Do not send it again. A person must look, or there is nothing to do."""
