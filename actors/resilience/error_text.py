"""An error in a few words: a name that is the same each time, and a text that is fit to be shown."""

from __future__ import annotations

from actors.errors import ActorsError
from supervisor.secrets import redact

__all__ = ["code_of", "raw_text", "said_by", "shown", "shown_text"]

KEPT = 1000
"""Characters of a text that are looked at."""
SHOWN = 200
"""Characters of it that are shown. Far fewer than are looked at: a secret that a cut goes through no longer looks like one."""


def code_of(error: BaseException) -> str:
    """What tells one error from another: its stable code, with the exchange's own; of a foreign error its type's name."""
    if not isinstance(error, ActorsError):
        return type(error).__name__
    exchange_code = getattr(error, "exchange_code", None)
    return f"{error.code} {str(exchange_code)[:SHOWN]}" if exchange_code else error.code


def said_by(error: BaseException, name: str) -> str | None:
    """What an error says of itself in a text attribute, its component for example. Of a foreign one it may be anything."""
    try:
        value = getattr(error, name, None)
    except Exception:  # noqa: BLE001  # a property that fails says nothing
        return None
    return value if isinstance(value, str) and value else None


def raw_text(error: BaseException) -> str:
    """The beginning of its text, as it is: not yet fit to be shown."""
    try:
        return str(error)[:KEPT]
    except Exception as broken:  # noqa: BLE001  # an error that cannot show itself is an error all the same
        return f"<a text that cannot be shown: {type(broken).__name__}>"


def shown_text(text: str) -> str:
    """What `raw_text` gave, without secrets and shortened."""
    clean = str(redact(text[:KEPT]))
    return clean if len(clean) <= SHOWN else clean[: SHOWN - 1] + "…"


def shown(error: BaseException) -> str:
    """Its type and text, without secrets and shortened."""
    return f"{type(error).__name__}: {shown_text(raw_text(error))}"
