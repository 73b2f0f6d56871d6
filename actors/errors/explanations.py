"""What an error means, for whoever is on call: what happened, what that means for an order or a stream, what to do now.

`explain` takes a code, a message, an exception, or whatever was pasted. What has no text of its own gets the judgement of
`classify`, in words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from difflib import get_close_matches

from attrs import evolve, frozen

from actors.errors.base import ActorsError
from actors.errors.binance import Known, all_known, lookup, normalised, reference_of, wordings
from actors.errors.classification import classify
from actors.errors.kinds import Action, Category, Severity
from actors.errors.pasted import Pasted, read_pasted
from actors.errors.taxonomy import ExchangeRefused, ValidationError
from supervisor.secrets import HIDDEN, redact

__all__ = ["VENUES", "Explanation", "explain"]

VENUES = ("binance",)
"""The exchanges whose codes are known here."""
OFFERED = 3
"""Known codes or messages that are named where one is not known."""
SHOWN = 300
"""Characters of foreign text that are shown."""


@frozen
class Explanation:
    """One error in words. `str()` of it is a few lines for people."""

    title: str
    happened: str
    means: str
    advice: str
    category: Category
    severity: Severity
    action: Action
    notes: tuple[str, ...] = ()
    """What else there is to say: the exchange's own words, times in them, known codes that are near an unknown one."""
    known: bool = True
    """False where nobody knows what it is."""

    def __str__(self) -> str:
        return "\n".join((self.title, *self.sentences(), self.judgement()))

    def sentences(self) -> tuple[str, ...]:
        """What happened, what it means, what to do, and the notes: those that there are."""
        return tuple(line for line in (self.happened, self.means, self.advice, *self.notes) if line)

    def judgement(self) -> str:
        """Category, severity and action in one line."""
        return f"category {self.category.value} · severity {self.severity.name.lower()} · action {self.action.value}"


def explain(error: object, message: str = "", *, venue: str = "binance") -> Explanation:
    """Say what an error means. Secrets in what is given are not shown.

    Args:
        error: a code (-2010, "HTTP 418"), a code's name, a message, an exception, or pasted text that has any of it.
        message: what came with the code.
        venue: whose codes they are.

    Raises:
        ValidationError: nothing is known here of that venue.
    """
    if venue.strip().lower() not in VENUES:
        raise ValidationError("venue", redact(venue[:SHOWN]), f"one of these, whose codes are known here: {', '.join(VENUES)}")
    if isinstance(error, ActorsError):
        return _of_ours(error)
    if isinstance(error, BaseException):
        return _of_foreign(error)
    text = str(error).strip()
    if reference_of(text) or text == "0":
        return _of_code(text, message)
    return _of_text(text, message)


# ------------------------------------------------------------------------------------------------------------ exceptions


def _of_ours(error: ActorsError) -> Explanation:
    if isinstance(error, ExchangeRefused) and error.venue in (None, *VENUES):
        wait = read_pasted(error.message).wait or ("" if error.retry_after is None else f"{error.retry_after:g}")
        code = str(error.exchange_code or "")
        pasted = Pasted(code, error.message, quoted=True, status=error.status, wait=wait)
        known = _find(pasted)
        if known is not None:
            return _of_known(known, pasted)
    judged = classify(error)
    title = f"{type(error).__name__} [{error.code}]"
    advice = _sentence(redact(error.hint)) if error.hint else _ADVICE[judged.action]
    notes = tuple(_shown(note) for note in getattr(error, "__notes__", ()))
    words = (_sentence(_shown(error)), _MEANINGS[judged.category], advice)
    return Explanation(title, *words, judged.category, judged.severity, judged.action, notes)


def _of_foreign(error: BaseException) -> Explanation:
    try:
        text = str(error)
    except Exception as failure:  # noqa: BLE001  # what cannot show itself is explained by its type
        text = f"(it cannot be shown: {type(failure).__name__})"
    pasted = read_pasted(text)
    known = _find(pasted)
    return _of_known(known, pasted) if known is not None else _judged(error, type(error).__name__, text)


def _judged(error: object, name: str, text: str) -> Explanation:
    judged = classify(error)
    words = (_sentence(_shown(text)) or f"{name} was raised.", _MEANINGS[judged.category], _ADVICE[judged.action])
    known = judged.category is not Category.UNKNOWN
    return Explanation(name, *words, judged.category, judged.severity, judged.action, known=known)


# ---------------------------------------------------------------------------------------------------------- codes and words


def _of_code(code: str, message: str) -> Explanation:
    failed = _SERVER_FAILED.fullmatch(code)
    pasted = Pasted(code, message, quoted=True, status=int(failed[1]) if failed else 0, wait=read_pasted(message).wait)
    # `0` is a code of the stream sockets only where somebody asks for it: elsewhere it says that there is no code.
    known = lookup("WS 0" if code == "0" else code, message)
    if known is None and code.isdecimal():
        known = lookup(f"-{code}")  # the minus got lost, as shells and tables lose it
    return _of_known(known, pasted) if known is not None else _unknown_code(reference_of(code), pasted)


def _of_text(text: str, message: str) -> Explanation:
    if message:
        text = f"{text} {message}"
    known = _by_name(text)
    if known is not None:
        return _of_known(known, Pasted())
    pasted = read_pasted(text)
    known = _find(pasted)
    if known is not None:
        return _of_known(known, pasted)
    if reference := reference_of(pasted.code):
        return _unknown_code(reference, pasted)
    judged = _judged(text, "This text", text)
    return judged if judged.known else _unknown_text(text)


def _find(pasted: Pasted) -> Known | None:
    status = f"HTTP {pasted.status}" if pasted.status else ""
    if reference_of(pasted.code):
        found = lookup(pasted.code, pasted.message)
    elif pasted.close_code:
        found = lookup(f"WS close {pasted.close_code}")
    else:
        # A stream socket's error has no status, and its codes begin with 0; elsewhere 0 says that there is no code.
        found = lookup("", pasted.message) or lookup(status or ("WS 0" if pasted.code == "0" else ""))
    if found is not None and found.name == "TOO_MANY_REQUESTS" and (pasted.status == _BAN or not pasted.code):
        return (
            lookup(status) or found
        )  # the same code and words stand for a limit and for a ban, and the status tells them apart
    return found


def _by_name(text: str) -> Known | None:
    if _NAME.fullmatch(text) is None:
        return None
    name = text.upper()
    return next((one for one in all_known() if one.name in (name, f"Filter failure: {name}")), None)


def _of_known(known: Known, pasted: Pasted) -> Explanation:
    code = known.code.replace("5XX", str(pasted.status)) if pasted.status >= 500 else known.code
    title = f"Binance {code}{' ' if _NAME.fullmatch(known.name) else ': '}{known.name}"
    words = (known.happened, known.means, known.advice)
    return Explanation(title, *words, known.category, known.severity, known.action, tuple(_notes(known, pasted)))


def _notes(known: Known, pasted: Pasted) -> Iterator[str]:
    if pasted.others:
        yield f"It names {', '.join(pasted.others)}, too, which may mean something else: give each by itself."
    said = pasted.message if pasted.quoted else ""
    if said and normalised(said) != normalised(known.name):
        yield f"It said: {_shown(said)}"
    if len(pasted.wait) == _MILLISECONDS:
        yield f"Wait until {datetime.fromtimestamp(int(pasted.wait) // 1000, UTC):%Y-%m-%d %H:%M:%S} UTC."
    elif pasted.wait:
        yield f"Wait {pasted.wait} seconds."


# ----------------------------------------------------------------------------------------------------- what nobody knows


def _unknown_code(reference: str, pasted: Pasted) -> Explanation:
    kind, _, number = reference.rpartition(" ")
    judged = classify({"code": int(number), "msg": pasted.message if pasted.quoted else ""})
    if not kind and judged.category is not Category.UNKNOWN:
        said = _shown(pasted.message) if pasted.quoted else ""
        happened = f"It said: {said}" if said else "The words that came with this code say more than it does."
        words = (happened, _MEANINGS[judged.category], _ADVICE[judged.action])
        return Explanation(f"Binance {reference}", *words, judged.category, judged.severity, judged.action)
    near = sorted(
        {one.code for one in all_known() if one.code.rpartition(" ")[0] == kind},
        key=lambda code: abs(_number(code) - int(number)),
    )[:OFFERED]
    names = {one.code: one.name for one in reversed(all_known())}
    notes = [f"It said: {_shown(pasted.message)}"] if pasted.quoted and pasted.message else []
    notes.append("Near it: " + ", ".join(f"{code} {names[code]}" for code in near) + ".")
    return evolve(_UNKNOWN, title=f"Binance {reference}", happened="This code is not known here.", notes=tuple(notes))


def _unknown_text(text: str) -> Explanation:
    words = wordings() | {one.name.casefold(): one for one in all_known()}
    near = [words[one] for one in get_close_matches(normalised(text)[:SHOWN], words, n=OFFERED)]
    meant = " or ".join(dict.fromkeys(f'{one.code} "{one.name}"' for one in near))
    notes = (f"Did you mean {meant}?",) if near else ("Give a code, such as -2010, or the exchange's own words.",)
    return evolve(_UNKNOWN, title=_shown(text), notes=notes)


def _number(code: str) -> int:
    return int(code.rpartition(" ")[2].replace("X", "0"))


def _shown(value: object) -> str:
    """Foreign text in one line, without secrets, and not too much of it."""
    text = _KEY.sub(HIDDEN, " ".join(str(redact(value)).split()))
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def _sentence(text: str) -> str:
    first = text.partition(" ")[0].rstrip(".:")
    # `requests.exceptions.ConnectionError` and `apiKey` stay as they are.
    return (text[:1].upper() + text[1:] if first.isalpha() and first.islower() else text) + (
        "" if text.endswith((".", "!", "?", "…")) or not text else "."
    )


_SERVER_FAILED = re.compile(r"(?:http(?:/[\d.]+)?[ :_]*)?(5\d\d)", re.ASCII | re.IGNORECASE)
_BAN = 418
_MILLISECONDS = 13
"""Digits of a time in milliseconds since 1970."""
_KEY = re.compile(r"(?<![A-Za-z0-9+/=_-])(?=[A-Za-z+/=_-]*\d)(?=[\d+/=_-]*[A-Za-z])(?:[A-Za-z0-9]{32,}|[A-Za-z0-9+/=_-]{40,})")
"""A word of so many letters and digits: a key or a signature, though nothing around it says so."""
_NAME = re.compile(r"[A-Za-z]+(?:_[A-Za-z]+)*")
_UNKNOWN = Explanation(
    title="",
    happened="Nobody here knows these words.",
    means="If an order was sent, nothing is proven about it.",
    advice="Query open orders before anything is sent again, and read what the exchange's own documentation says.",
    category=Category.UNKNOWN,
    severity=Severity.ERROR,
    action=Action.NEVER,
    known=False,
)
_MEANINGS = {
    Category.NETWORK: "The way to the exchange is the trouble: orders in the book stay there, and streams have a gap.",
    Category.RATE_LIMIT: "The other side will not listen for a while, and going on makes it worse.",
    Category.AUTHENTICATION: "No signed request will work until a person mends it; open orders stay in the book.",
    Category.VALIDATION: "The request was not carried out, and unchanged it never will be.",
    Category.CONFIGURATION: "The bot cannot work as it is configured.",
    Category.DATA_FEED: "What the bot believes about the market may be wrong or old.",
    Category.EXCHANGE: "The exchange did not carry the request out.",
    Category.ORDER: "The order or cancel did nothing.",
    Category.UNKNOWN_OUTCOME: "An order or cancel may have been carried out: nobody knows until somebody asks.",
    Category.STRATEGY: "The strategy makes no decisions; orders and positions stay as they are.",
    Category.POSITION: "The bot and the exchange disagree about what is held.",
    Category.MEMORY: "The process may soon be killed by the system.",
    Category.SYSTEM: "The machine or the process is the trouble, and not the exchange.",
    Category.RECOVERY: "A guard or a recovery stopped here; a call that a guard refused was not sent.",
    Category.NOTIFICATION: "Somebody was not told something.",
    Category.STORAGE: "What the bot should remember may be lost at the next restart.",
    Category.SECURITY: "Somebody else may be listening, or a secret is in the open.",
    Category.BUG: "The program itself is wrong, and will fail again in the same place.",
    Category.UNKNOWN: "No rule knows it, so nothing is proven about an order.",
}
_ADVICE = {
    Action.RETRY: "Try again with growing pauses; for a lost connection: reconnect and subscribe again.",
    Action.WAIT: "Wait as long as the other side says, then try again.",
    Action.RESYNC: "Make your own view right first (clock, book, subscription), then try again.",
    Action.RECONCILE: "Ask what became of it, by the client order id, before anything is sent again.",
    Action.FIX: "Correct what was sent, and send it anew.",
    Action.NEVER: "Do not send it again; a person has to look.",
}
