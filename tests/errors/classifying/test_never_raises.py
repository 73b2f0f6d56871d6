"""Objects that mean harm: `classify` raises for none of them, looks only so far, and remembers only so much."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.errors import Action, Banned, Category, Classification, Classifier, ExchangeRefused, SystemFault, classify
from actors.errors.signs import LONGEST
from tests.errors.classifying.ladder import LADDER, Base
from tests.errors.labelled.ccxt_errors import CCXT
from tests.errors.labelled.shape import foreign


class Harm(Exception):
    pass


def harm(*_: object, **__: object) -> Any:
    raise Harm("do not look")


class Recursive:
    def __getattr__(self, name: str) -> object:
        return self


class Shouting(str):
    __slots__ = ()
    lower = casefold = __len__ = __getitem__ = __eq__ = harm
    __hash__ = str.__hash__


class Deceiver(int):
    __int__ = __index__ = __lt__ = __le__ = __gt__ = __ge__ = __eq__ = harm
    __hash__ = harm


class Liar(Mapping[str, object]):
    __getitem__ = __iter__ = __len__ = harm
    get = items = keys = harm


class HarmfulType(type):
    __hash__ = harm
    __eq__ = harm
    __mro__ = property(harm)  # that is the harm
    __name__ = property(harm)  # likewise
    __instancecheck__ = __subclasscheck__ = harm


VALUES: list[Any] = [
    None,
    harm,
    property(harm),
    Recursive(),
    Shouting("timeout"),
    Deceiver(429),
    Liar(),
    "x" * 100_000,
    b"\xff" * 10_000,
    10**5_000,
    -1,
    429,
    float("nan"),
    [],
    {},
    {"code": Deceiver(5)},
    {"error": Liar()},
    {"code": "1", "data": [Recursive()] * 50},
    object(),
]
NAMES = [
    "__str__",
    "__repr__",
    "__getattribute__",
    "__class__",
    "__hash__",
    "__eq__",
    "__len__",
    "__iter__",
    "__bool__",
    "__instancecheck__",
    "status",
    "status_code",
    "code",
    "error_code",
    "message",
    "msg",
    "response",
    "headers",
    "header",
    "errno",
    "reason",
    "args",
    "exceptions",
    "__cause__",
    "__context__",
    "__notes__",
    "rcvd",
    "sqlite_errorname",
    "started",
    "category",
    "severity",
    "action",
    "retry_after",
    "until",
    "exchange_code",
    "venue",
    "__dict__",
    "__module__",
    "keys",
    "get",
]
BASES: list[type] = [
    Exception,
    BaseException,
    OSError,
    RuntimeError,
    ExchangeRefused,
    Banned,
    SystemFault,
    ExceptionGroup,
    KeyError,
    object,
    dict,
    str,
    int,
    UnicodeDecodeError,
    httpx.HTTPStatusError,
    foreign("ccxt.base.errors", "BaseError"),
    foreign("websockets.exceptions", "ConnectionClosed"),
    foreign("sqlite3", "Error"),
    foreign("ssl", "SSLError", OSError),
    foreign("requests.exceptions", "RequestException", OSError),
    foreign("aiohttp", "ClientResponseError"),
    foreign("supervisor", "AskTimeout"),
    foreign("acme", "AcmeError"),
]


@st.composite
def harmful(draw: st.DrawFn) -> Callable[[], object]:
    """A function (at an object hypothesis would look) that returns one of a type of which any attribute can be or do harm."""
    base = draw(st.sampled_from(BASES))
    # By number: some of them cannot be hashed, and hypothesis would.
    values = st.integers(0, len(VALUES) - 1).map(VALUES.__getitem__)
    members = draw(st.dictionaries(st.sampled_from(NAMES), values, max_size=4))
    own = HarmfulType if draw(st.booleans()) and type(base) is type else type
    try:
        kind = own("Harmful", (base,), dict(members))
        made = kind.__new__(kind, "x", [Harm()]) if issubclass(base, BaseExceptionGroup) else kind.__new__(kind)
    except Exception:
        return Recursive
    for name, value in draw(st.dictionaries(st.sampled_from(NAMES), values, max_size=3)).items():
        try:
            object.__setattr__(made, name, value)
        except Exception:
            break
    return lambda: made


@settings(max_examples=settings().max_examples * 150 // 100)
@given(harmful(), st.booleans())
def test_no_object_makes_it_raise(error: Callable[[], object], rules: bool) -> None:
    judge = Classifier(LADDER) if rules else Classifier()
    found = judge.classify(error(), wall=5.0)
    assert type(found) is Classification
    assert type(found.category) is Category
    assert type(found.action) is Action


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=20),
    lambda below: (
        st.lists(below, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "code",
                    "msg",
                    "error",
                    "data",
                    "retCode",
                    "retMsg",
                    "sCode",
                    "message",
                    "results",
                    "errors",
                    "success",
                    "status",
                ]
            ),
            below,
            max_size=5,
        )
    ),
    max_leaves=6,
)


@settings(max_examples=settings().max_examples * 60 // 100)
@given(anything)
def test_no_answer_makes_it_raise_and_a_parsed_one_is_judged_as_its_text(answer: Any) -> None:
    found = classify(answer)
    assert type(found.category) is Category
    if isinstance(answer, dict):
        try:
            text = json.dumps(answer, allow_nan=False)
        except (TypeError, ValueError):
            return
        assert classify(text) == found or found.category is Category.UNKNOWN or len(str(answer)) > 100


@settings(max_examples=settings().max_examples * 60 // 100)
@given(st.text() | st.binary())
def test_no_text_makes_it_raise(text: str | bytes) -> None:
    assert type(classify(text)) is Classification
    assert type(classify(RuntimeError(text))) is Classification


def test_only_the_beginning_of_a_message_is_looked_at() -> None:
    assert classify("x" * 5_000_000 + " insufficient balance").category is Category.UNKNOWN
    assert classify(" insufficient balance" + "x" * 5_000_000).category is Category.ORDER
    assert classify(Base(" " * LONGEST + "insufficient balance")).category is Category.UNKNOWN
    assert classify("[" * 1_000_000).category is Category.UNKNOWN
    assert classify("[" * 60_000).category is Category.UNKNOWN


def test_a_type_that_says_all_is_not_asked_for_its_words() -> None:
    class Silent(httpx.ReadTimeout):
        __str__ = harm

    assert classify(Silent("")).category is Category.UNKNOWN_OUTCOME


def test_what_is_remembered_has_a_bound() -> None:
    judge = Classifier()
    for number in range(1_100):
        judge.classify(type("Made", (Exception,), {})())
        judge.classify(ExchangeRefused(400, -2010, f"message {number}", venue="binance"))
    assert len(judge._profiles) <= 1_024
    assert len(judge._seen) <= 1_024


def test_what_is_remembered_of_an_answer_does_not_judge_another_type_with_the_same_words() -> None:
    judge, text = Classifier(), 'binance {"code":-9876,"msg":"Something new."}'
    assert judge.classify(CCXT["InvalidOrder"](text)).rule == "ccxt.InvalidOrder"
    assert judge.classify(CCXT["BadSymbol"](text)).rule == "ccxt.BadSymbol"
    assert judge.classify(ExchangeRefused(0, -9876, "Something new.", venue="binance")).category is Category.UNKNOWN


def test_an_interruption_passes() -> None:
    class Interrupting(Exception):
        def __str__(self) -> str:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        classify(Interrupting())
