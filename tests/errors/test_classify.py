"""`classify`: the labelled set, which rule is the most specific, groups and causes, times, and objects that mean harm."""

from __future__ import annotations

import asyncio
import errno
import http
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.errors import (
    Action,
    Banned,
    Category,
    CircuitOpen,
    Classification,
    Classifier,
    ConnectFailed,
    ExchangeRefused,
    RateLimited,
    Rule,
    Severity,
    SystemFault,
    UnknownOutcome,
    classify,
)
from actors.errors.classification import built_in
from actors.errors.signs import LONGEST
from supervisor import SpecError
from tests.errors.accuracy import SHOWN
from tests.errors.labelled import BLOCKS, shapes
from tests.errors.labelled.ccxt_errors import CCXT
from tests.errors.labelled.shape import Shape, foreign, raised

UNKNOWN = Classification(Category.UNKNOWN, Severity.ERROR, Action.NEVER)


# The labelled set


def confusion(one: Shape, found: Classification) -> str | None:
    if (found.category, found.action) == (one.category, one.action):
        if one.retry_after is None or one.retry_after == found.retry_after:
            return None
        return f"  {one.name[:90]}: to wait {one.retry_after} s, found {found.retry_after} [{found.rule}]"
    return f"  {one.name[:90]}: is {one.category}, {one.action}; judged {found.category}, {found.action} [{found.rule}]"


def test_more_than_95_of_100_labelled_errors_are_judged_right(record_property: Callable[[str, object], None]) -> None:
    labelled = list(shapes())
    wrong = [line for one in labelled if (line := confusion(one, classify(one.build()))) is not None]
    accuracy = 1 - len(wrong) / len(labelled)
    record_property(SHOWN, f"{len(labelled) - len(wrong)} of {len(labelled)} are judged right: {accuracy:.1%}")
    for line in wrong:
        record_property(SHOWN, line)
    assert accuracy > 0.95, "\n".join(wrong)


def test_the_labelled_set_is_large_varied_and_without_doubles() -> None:
    labelled = list(shapes())
    assert len(labelled) >= 300
    assert [name for name, count in Counter(one.name for one in labelled).items() if count > 1] == []
    assert {one.category for one in labelled} >= set(Category) - {Category.STRATEGY, Category.POSITION, Category.RECOVERY}
    assert {one.action for one in labelled} == set(Action)
    assert min(len(block.SHAPES) for block in BLOCKS) >= 30


# A label of "it may have been carried out" that is judged as something to be sent again is the worst mistake there is.
def test_no_unknown_outcome_is_taken_for_something_to_send_again() -> None:
    sent_again = [
        one.name
        for one in shapes()
        if one.category is Category.UNKNOWN_OUTCOME and classify(one.build()).retryable(idempotent=False)
    ]
    assert sent_again == []


# Which rule decides


class Base(Exception):
    def __init__(self, text: str = "", *, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class Near(Base):
    pass


REFUSED = ExchangeRefused(400, "E1", "No margin left", venue="acme")


def rule(name: str, **what: Any) -> Rule:
    return Rule(name, Category.STRATEGY, Action.NEVER, **what)


LADDER = [
    rule("venue, code, text", venue="acme", code="E1", text="margin"),
    rule("venue, code", venue="acme", code="E1"),
    rule("type, code", kind="actors.ExchangeRefused", code="E1"),
    rule("status, text", status=400, text="margin"),
    rule("type, text", kind="actors.ExchangeRefused", text="margin"),
    rule("type, status", kind=ExchangeRefused, status=400),
    rule("status", status=400),
    rule("exact type", kind=ExchangeRefused),
    rule("base type", kind="actors.errors.BrokerError"),
    rule("farther base", kind=Exception),
    rule("class of statuses", status=range(400, 500)),
    rule("text", text="margin"),
]


@pytest.mark.parametrize("steps", range(len(LADDER)), ids=lambda steps: LADDER[steps].name)
def test_of_all_rules_that_fit_the_most_specific_decides(steps: int) -> None:
    assert classify(REFUSED, rules=LADDER[steps:]).rule == LADDER[steps].name
    assert classify(REFUSED, rules=LADDER[steps:][::-1]).rule == LADDER[steps].name


def test_of_equally_specific_rules_the_first_decides() -> None:
    assert classify(REFUSED, rules=[rule("first", text="no"), rule("second", text="left")]).rule == "first"


@pytest.mark.parametrize(
    "error", [REFUSED, httpx.ReadTimeout(""), ConnectFailed("u", "margin"), KeyError("margin"), 400], ids=repr
)
def test_a_rule_of_the_user_comes_before_any_that_is_built_in(error: object) -> None:
    mine = rule("mine", status=400) if error == 400 else rule("mine", kind=Exception)
    assert classify(error, rules=[mine]).rule == "mine"
    assert classify(error).rule != "mine"


def test_a_users_words_alone_come_before_a_built_in_type() -> None:
    assert classify(httpx.ReadTimeout("so much margin"), rules=[rule("mine", text="MARGIN")]).rule == "mine"
    assert classify(httpx.ReadTimeout("none"), rules=[rule("mine", text="MARGIN")]).rule == "TimeoutException"


def test_a_rule_that_does_not_fit_leaves_the_built_in_ones_in_force() -> None:
    other = [
        rule("venue", venue="other", code="E1"),
        rule("status", status=500),
        rule("code", code="E2"),
        rule("kind", kind=Near),
    ]
    assert classify(REFUSED, rules=other) == classify(REFUSED)


def test_the_nearest_base_type_decides() -> None:
    rules = [rule("base", kind=Base), rule("exception", kind=Exception), rule("near", kind=Near)]
    assert classify(Near(), rules=rules).rule == "near"
    assert classify(Near(), rules=rules[:2]).rule == "base"


def test_a_type_is_found_by_the_name_of_its_package_or_its_module() -> None:
    made = foreign("acme.sdk.errors", "Broken")
    assert classify(made(), rules=[rule("package", kind="acme.Broken")]).rule == "package"
    assert classify(made(), rules=[rule("module", kind="acme.sdk.errors.Broken")]).rule == "module"


def test_a_pattern_sees_small_letters_and_words_are_found_in_any_case() -> None:
    assert classify(Base("No MARGIN"), rules=[rule("pattern", text=re.compile(r"^no margin$"))]).rule == "pattern"
    assert classify(Base("no margin"), rules=[rule("words", text="NO Margin")]).rule == "words"


def test_a_rule_brings_its_severity_and_its_delay() -> None:
    mine = Rule("mine", "order", "wait", Severity.DEBUG, kind=Base, retry_after=9.0)
    assert classify(Base(), rules=[mine]) == Classification(Category.ORDER, Severity.DEBUG, Action.WAIT, 9.0, "mine")


@pytest.mark.parametrize(
    "what",
    [{}, {"kind": "ReadTimeout"}, {"kind": 3}, {"status": "400"}, {"status": True}, {"text": ""}, {"text": 3}],
    ids=str,
)
def test_a_rule_that_cannot_work_is_refused(what: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match="expected"):
        rule("wrong", **what)


def test_the_rules_that_are_built_in_have_names_and_contradict_each_other_nowhere() -> None:
    assert all(one.name for one in built_in())
    said: dict[object, Rule] = {}
    for one in built_in():
        if one.text is None:
            before = said.setdefault((one.kind, one.venue, one.status, one.code), one)
            assert (before.category, before.action) == (one.category, one.action), one


# Who says what


def test_an_error_of_ours_says_it_itself() -> None:
    error = SystemFault("no descriptors left")
    error.severity, error.action = Severity.WARNING, Action.WAIT
    error.retry_after = 3.0
    assert classify(error) == Classification(Category.SYSTEM, Severity.WARNING, Action.WAIT, 3.0, "SystemFault")


def test_cancellation_wakes_nobody() -> None:
    assert classify(asyncio.CancelledError()).severity is Severity.DEBUG
    assert classify(KeyboardInterrupt()).severity is Severity.INFO
    assert not classify(asyncio.CancelledError()).retryable(idempotent=True)


NOTHING = [None, True, 0, 200, 3.5, object(), [], (), {}, "", b"", "all is well", {"a": 1}]


@pytest.mark.parametrize("error", NOTHING, ids=range(len(NOTHING)))  # a repr with an address differs in each worker
def test_what_says_nothing_is_unknown_and_never_sent_again(error: object) -> None:
    assert (classify(error).category, classify(error).action) == (Category.UNKNOWN, Action.NEVER)


def test_a_negative_number_is_a_code_of_binance_and_an_enum_a_status() -> None:
    assert classify(-2015).category is Category.AUTHENTICATION
    assert classify(http.HTTPStatus.TOO_MANY_REQUESTS) == classify(429)


def test_the_same_code_means_something_else_at_another_venue() -> None:
    assert classify(ExchangeRefused(200, "10006", "", venue="bybit")).category is Category.RATE_LIMIT
    assert classify(ExchangeRefused(200, "10006", "", venue="acme")).category is Category.UNKNOWN


@pytest.mark.parametrize("kind", [json.dumps, lambda body: json.dumps(body).encode(), dict], ids=["text", "bytes", "mapping"])
def test_an_answer_is_judged_alike_however_it_comes(kind: Callable[[dict[str, object]], object]) -> None:
    assert classify(kind({"retCode": 10006, "retMsg": "Too many visits."})).rule == "bybit 10006"


def test_an_answer_to_several_orders_of_which_some_were_carried_out_is_reconciled() -> None:
    refused = {"sCode": "51008", "sMsg": "Insufficient balance"}
    both = {"code": "2", "msg": "", "data": [{"sCode": "0", "sMsg": ""}, refused]}
    none = {"code": "1", "msg": "", "data": [refused, refused]}
    assert classify(both).category is Category.UNKNOWN_OUTCOME
    assert classify(none).action is Action.FIX


def test_the_code_of_an_answer_counts_more_than_its_status() -> None:
    assert (
        classify(ExchangeRefused(500, -2010, "Account has insufficient balance for requested action.", venue="binance")).action
        is Action.FIX
    )


@pytest.mark.parametrize(
    ("action", "category", "blindly", "idempotent"),
    [
        (Action.RETRY, Category.NETWORK, True, True),
        (Action.WAIT, Category.RATE_LIMIT, True, True),
        (Action.RECONCILE, Category.UNKNOWN_OUTCOME, False, True),
        (Action.RECONCILE, Category.ORDER, False, False),
        (Action.RESYNC, Category.SYSTEM, False, False),
        (Action.FIX, Category.ORDER, False, False),
        (Action.NEVER, Category.BUG, False, False),
    ],
)
def test_only_what_is_certain_is_sent_again_blindly(
    action: Action, category: Category, blindly: bool, idempotent: bool
) -> None:
    found = Classification(category, Severity.ERROR, action)
    assert (found.retryable(idempotent=False), found.retryable(idempotent=True)) == (blindly, idempotent)


# Groups and causes


def test_the_gravest_leaf_of_a_group_says_what_it_is_and_the_longest_delay_counts() -> None:
    group = ExceptionGroup(
        "", [RateLimited("a", 2.0), ConnectFailed("u", "r"), RateLimited("b", 5.0), Banned("c", retry_after=3.0)]
    )
    assert classify(group) == Classification(Category.RATE_LIMIT, Severity.CRITICAL, Action.WAIT, 5.0, "group: Banned")


@pytest.mark.parametrize(
    ("leaves", "action"),
    [
        ([ConnectFailed("u", "r"), ConnectFailed("u", "r")], Action.RETRY),
        ([ConnectFailed("u", "r"), CircuitOpen("x", 3.0)], Action.WAIT),
        ([CircuitOpen("x", 3.0), json.JSONDecodeError("", "", 0)], Action.RESYNC),
        ([json.JSONDecodeError("", "", 0), UnknownOutcome("x")], Action.RECONCILE),
        ([UnknownOutcome("x"), ExchangeRefused(400, -1121, "Invalid symbol.", venue="binance")], Action.FIX),
        ([ExchangeRefused(400, -1121, "Invalid symbol.", venue="binance"), KeyError()], Action.NEVER),
    ],
    ids=lambda value: str(value) if isinstance(value, Action) else None,
)
def test_a_group_needs_what_all_of_its_leaves_need(leaves: list[Exception], action: Action) -> None:
    assert classify(ExceptionGroup("", leaves)).action is action
    assert classify(ExceptionGroup("", [ExceptionGroup("", leaves[::-1])])).action is action


RETRIED = [ConnectFailed("u", "r"), CircuitOpen("x", 3.0), httpx.ReadTimeout(""), KeyError(), RateLimited("x"), -2010, 503]


@settings(max_examples=settings().max_examples * 40 // 100)
@given(st.lists(st.sampled_from([one for one in RETRIED if isinstance(one, Exception)]), min_size=1, max_size=6))
def test_a_group_is_retried_exactly_if_all_of_its_leaves_are(leaves: list[Exception]) -> None:
    assert classify(ExceptionGroup("", leaves)).retryable(idempotent=False) == all(
        classify(one).retryable(idempotent=False) for one in leaves
    )


def test_a_group_too_large_to_be_looked_at_is_not_retried() -> None:
    group = ExceptionGroup("", [ConnectFailed("u", "r")] * 10_000)
    assert (classify(group).category, classify(group).action) == (Category.NETWORK, Action.NEVER)
    assert classify(ExceptionGroup("", [ConnectFailed("u", "r")] * 900)).action is Action.RETRY


def test_a_group_nested_deeply_is_judged() -> None:
    group: Exception = httpx.ReadTimeout("")
    for _ in range(500):
        group = ExceptionGroup("", [group])
    assert classify(group).category is Category.UNKNOWN_OUTCOME


def test_the_cause_is_asked_only_where_the_error_says_nothing() -> None:
    assert classify(raised(RuntimeError("x"), httpx.ReadTimeout(""))).category is Category.UNKNOWN_OUTCOME
    assert classify(raised(KeyError("x"), httpx.ReadTimeout(""))).category is Category.BUG
    # What was being handled may have nothing to do with it.
    error = RuntimeError("x")
    error.__context__ = httpx.ReadTimeout("")
    assert classify(error).category is Category.UNKNOWN


def test_causes_that_go_in_a_circle_or_too_deep_end() -> None:
    first, second = RuntimeError("1"), RuntimeError("2")
    first.__cause__, second.__cause__ = second, first
    assert classify(first) == UNKNOWN
    for depth, known in ((5, True), (20, False), (10_000, False)):
        deep: BaseException = httpx.ReadTimeout("")
        for _ in range(depth):
            deep = raised(RuntimeError("x"), deep)
        assert (classify(deep) != UNKNOWN) is known


# Times


def answered(status: int, **headers: str) -> Exception:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    response = httpx.Response(status, headers=names, request=httpx.Request("GET", "https://example.com/"))
    return httpx.HTTPStatusError("refused", request=response.request, response=response)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("17", 17.0), ("0", 0.0), ("1.5", 1.5), ("-3", None), ("soon", None), ("9" * 40, None), ("9999999", 2_592_000.0)],
)
def test_retry_after_is_read_as_seconds(value: str, seconds: float | None) -> None:
    assert classify(answered(429, Retry_After=value)).retry_after == seconds


def test_an_instant_becomes_a_delay_for_whoever_gives_the_time() -> None:
    error = answered(429, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")
    assert (classify(error).retry_after, classify(error).until) == (None, 1445412480.0)
    assert classify(error, wall=1445412450.0).retry_after == 30.0
    assert classify(error, wall=1445412490.0).retry_after == 0.0


def test_the_end_of_a_ban_is_read_out_of_the_words_of_binance() -> None:
    error = ExchangeRefused(418, -1003, "Way too much request weight used; IP banned until 1784548800000.", venue="binance")
    assert (classify(error).action, classify(error).until) == (Action.WAIT, 1784548800.0)
    assert classify(error, wall=1784548000.0).retry_after == 800.0
    assert classify(evolve(classify(error), until=None)).until is None


def test_an_answer_of_the_websocket_api_names_the_instant() -> None:
    answer = {"id": 1, "status": 429, "error": {"code": -1003, "msg": "Too many.", "data": {"retryAfter": 1784548800000}}}
    assert classify(answer, wall=1784548799.0).retry_after == 1.0


def test_our_own_ban_keeps_its_end() -> None:
    assert classify(Banned("x", until=50.0), wall=20.0).retry_after == 30.0


def test_a_ban_without_a_word_on_its_end_waits_two_minutes() -> None:
    assert classify(418).retry_after == 120.0


# Objects that mean harm


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


@pytest.mark.real_time
@pytest.mark.parametrize(("status", "words"), [(418, "Too many requests."), (418, "IP banned."), (400, "IP banned.")])
def test_a_ban_that_names_no_end_is_waited_for_as_long_as_the_shortest(status: int, words: str) -> None:
    found = classify(ExchangeRefused(status, -1003, words, venue="binance"))
    assert (found.action, found.severity, found.retry_after) == (Action.WAIT, Severity.CRITICAL, 120.0)


@pytest.mark.parametrize("status", [403, 418])
def test_a_firewall_is_not_asked_again_after_the_usual_pause(status: int) -> None:
    assert classify(ExchangeRefused(status, 0, "<html>", venue="binance")).retry_after == 120.0


def test_a_ban_that_names_its_end_is_over_then() -> None:
    found = classify(ExchangeRefused(418, -1003, "IP banned until 1720000000000.", venue="binance"), wall=1719999000.0)
    assert (found.until, found.retry_after) == (1720000000.0, 1000.0)


def test_eight_threads_at_once_judge_as_one_does() -> None:
    judge = Classifier(LADDER)
    errors = [one.build() for one in shapes() if one.name != "nested group, cancelled"][::6]
    expected = [Classifier(LADDER).classify(one) for one in errors]
    found: list[list[Classification]] = []
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        found.append([judge.classify(one) for _ in range(3) for one in errors])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected * 3] * 8


@pytest.mark.parametrize(
    ("number", "category"),
    [
        (errno.ECONNRESET, "unknown_outcome"),
        (errno.ENETUNREACH, "network"),
        (errno.ENOSPC, "storage"),
        (errno.EMFILE, "system"),
    ],
)
def test_an_errno_says_what_its_type_does_not(number: int, category: str) -> None:
    assert classify(OSError(number, "whatever")).category == category
