"""What every error of the actors carries, and how it is shown."""

from __future__ import annotations

import itertools
import math
import os
import time
from collections.abc import Callable
from typing import Any, ClassVar, Unpack

from actors.errors.context import ErrorFields, current_context
from actors.errors.kinds import Action, Category, Recoverability, Severity
from supervisor.parking import clock_here
from supervisor.secrets import redact

__all__ = ["ActorsError", "cleaned"]

_numbers = itertools.count(1)
_process = os.urandom(4).hex()


def _renew() -> None:
    # A forked process would go on with the same ids as its parent.
    global _process  # noqa: PLW0603  # one per process by its nature
    _process = os.urandom(4).hex()


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_renew)


_SUSPECT = ("key", "secret", "pass", "sign", "token", "auth", "cook", "mnemon", "bearer", "bas", "-----", "@")
_LONG = 2_000


def cleaned(text: str) -> str:
    """As `redact`, ten times as fast for a text in which no secret is announced, as in nearly all."""
    folded = text.casefold()
    return redact(text) if len(text) > _LONG or any(sign in folded for sign in _SUSPECT) else text


class ActorsError(Exception):
    """Base of all errors that `actors` raises on purpose.

    Args:
        message: one plain sentence for people. Secrets in it are hidden.
        fields: component, operation, request_id, user_id, session_id, hint; what is not given is taken from the
            context in force (`error_context`).

    Raises:
        TypeError: another field was given.
    """

    category: Category = Category.UNKNOWN
    severity: Severity = Severity.ERROR
    recoverability: Recoverability = Recoverability.OPERATOR
    action: Action = Action.NEVER
    code: ClassVar[str] = "actors_error"
    """Stable: programs, alerts and dashboards may rely on it."""
    hint: str | None = None
    """What an operator should do."""
    retry_after: float | None = None
    """Seconds to wait before the same is tried again, where the other side said so."""
    # What an error has whose author forgot to call this constructor: whoever handles it must not fail for that.
    id: str = ""
    at: float = 0.0
    at_wall: float = 0.0
    component: str | None = None
    operation: str | None = None
    request_id: str | None = None
    user_id: str | None = None
    session_id: str | None = None

    def __init__(self, message: str, **fields: Unpack[ErrorFields]) -> None:
        super().__init__(cleaned(message))
        if not fields.keys() <= _FIELDS:
            unknown = ", ".join(sorted(fields.keys() - _FIELDS))
            raise TypeError(f"{type(self).__name__} takes no {unknown}; there are {', '.join(sorted(_FIELDS))}")
        context = current_context()
        self.id: str = f"{_process}-{next(_numbers)}"
        """Unique among all processes, for support: one error can be found again in logs, alerts and histories."""
        self.at: float = clock_here()()
        """When: on the clock of the loop, or `time.monotonic` outside of one."""
        self.at_wall: float = time.time()
        """When: seconds since 1970, for people only."""
        self.component: str | None = fields.get("component", context.component)
        self.operation: str | None = fields.get("operation", context.operation)
        self.request_id: str | None = fields.get("request_id", context.request_id)
        self.user_id: str | None = fields.get("user_id", context.user_id)
        self.session_id: str | None = fields.get("session_id", context.session_id)
        if (hint := fields.get("hint")) is not None:
            self.hint = hint

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data that JSON can hold, without secrets."""
        shown = {
            **{name: value for name, value in vars(self).items() if not name.startswith("_") and name not in _JUDGED},
            "error": type(self).__name__,
            "code": self.code,
            "message": str(self),
            "category": self.category.value,
            "severity": self.severity.name.lower(),
            "recoverability": self.recoverability.value,
            "action": self.action.value,
            "hint": self.hint,
            "retry_after": self.retry_after,
            "cause": None if self.__cause__ is None else f"{type(self.__cause__).__name__}: {redact(self.__cause__)}",
            "notes": list(getattr(self, "__notes__", ())),
        }
        return {name: _plain(redact(value)) for name, value in shown.items()}

    def add_note(self, note: str, /) -> None:
        """As for every exception, without the secrets in it: a traceback shows the notes."""
        super().add_note(cleaned(note) if isinstance(note, str) else note)

    def __reduce__(self) -> tuple[Callable[..., ActorsError], tuple[Any, ...]]:
        # The constructors take fields, not the message, so that the pickle of an Exception could not be read again.
        return _restored, (type(self), self.args, vars(self))


def _plain(value: Any) -> Any:
    """What `redact` returns, without what JSON has no word for: infinity and not-a-number."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return {str(key): _plain(item) for key, item in value.items()} if isinstance(value, dict) else value


_FIELDS = ErrorFields.__annotations__.keys()
_JUDGED = frozenset({"category", "severity", "recoverability", "action", "hint", "retry_after"})


def _restored(kind: type[ActorsError], args: tuple[Any, ...], fields: dict[str, Any]) -> ActorsError:
    error = kind.__new__(kind, *args)
    error.args = args
    vars(error).update(fields)
    return error
