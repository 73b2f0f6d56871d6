from __future__ import annotations

import copy
import pickle
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.secrets import HIDDEN, Secret, redact

KEY = "AKIAIOSFODNN7EXAMPLE"
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{KEY}\n{KEY}\n-----END RSA PRIVATE KEY-----"


@frozen
class Account:
    name: str
    key: Secret[str]


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{:>40}".format, "%s".__mod__, "%r".__mod__, redact])
@pytest.mark.parametrize("holder", [Secret(KEY), Account("me", Secret(KEY)), [Secret(KEY)], {"a": Secret(KEY)}], ids=repr)
def test_a_secret_does_not_show_itself(show: Any, holder: Any) -> None:
    if "format" in str(show) and not isinstance(holder, Secret):
        holder = str(holder)
    assert KEY not in str(show(holder))


def test_a_secret_is_revealed_on_request() -> None:
    assert Secret(KEY).reveal() == KEY


def test_a_secret_is_not_pickled() -> None:
    with pytest.raises(TypeError, match="reveal"):
        pickle.dumps(Secret(KEY))
    with pytest.raises(TypeError, match="reveal"):
        copy.deepcopy(Secret(KEY))


def test_a_secret_is_not_encoded() -> None:
    with pytest.raises(TypeError):
        msgspec.json.encode({"key": Secret(KEY)})


def test_secrets_are_equal_if_their_values_are() -> None:
    assert Secret(KEY) == Secret(KEY) != Secret("other")
    assert Secret(KEY) != KEY
    assert len({Secret(KEY), Secret(KEY)}) == 1


CLEANED = [
    # what is on its way out, what may be seen of it
    (f"https://user:{KEY}@host/path?x=1", "https://***@host/path?x=1"),
    (f"postgresql+asyncpg://user:{KEY}@host", "postgresql+asyncpg://***@host"),
    (f"redis://:p@{KEY}@host", "redis://***@host"),
    (f"GET /order?symbol=BTC&signature={KEY}&x=1", "GET /order?symbol=BTC&signature=***&x=1"),
    (f"Authorization: Bearer {KEY}", "Authorization: ***"),
    (f"got bearer {KEY} from it", "got bearer *** from it"),
    (f"Authorization: Token {KEY}\nAccept: x", "Authorization: ***\nAccept: x"),
    (f"Cookie: a=1; session={KEY}\r\nAccept: x", "Cookie: ***\r\nAccept: x"),
    (f"X-MBX-APIKEY: {KEY}", "X-MBX-APIKEY: ***"),
    (f"OK-ACCESS-SIGN: {KEY} and more", "OK-ACCESS-SIGN: *** and more"),
    (f"OK-ACCESS-KEY: {KEY}", "OK-ACCESS-KEY: ***"),
    (f"apiKey={KEY}", "apiKey=***"),
    (f"api-key : {KEY}", "api-key : ***"),
    (f"secret_key={KEY}, x=1", "secret_key=***, x=1"),
    (f"password='a {KEY}, b' x=1", "password=*** x=1"),
    (f'password="a\\"{KEY}" x=1', "password=*** x=1"),
    (f"password='a {KEY}", "password=***"),
    (f'{{"apiKey": "{KEY}", "x": 1}}', '{"apiKey": ***, "x": 1}'),
    (f'{{\\"token\\": \\"{KEY} b\\", \\"x\\": 1}}', '{\\"token\\": ***, \\"x\\": 1}'),
    (f"before {PEM} after", "before *** after"),
    (f"cut off {PEM[:60]}", "cut off ***"),
    # what is no secret stays
    ("https://host/path?email=x", "https://host/path?email=x"),
    ("signal=5 design: 3", "signal=5 design: 3"),
    ("a basic idea", "a basic idea"),
]


@pytest.mark.parametrize(("text", "shown"), CLEANED, ids=[text[:30] for text, _ in CLEANED])
def test_what_looks_like_a_secret_is_hidden(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert redact(text.encode()) == shown
    assert redact(ValueError(text)) == shown


SECRET_NAMES = ["apiKey", "api_key", "SECRET", "passphrase", "password", "signature", "token", "Authorization", "set-cookie"]


@pytest.mark.parametrize("name", [*SECRET_NAMES, "private_key", "mnemonic", "listenKey", "X-MBX-APIKEY", "OK-ACCESS-SIGN"])
def test_a_value_is_hidden_if_its_key_names_a_secret(name: str) -> None:
    assert redact({name: KEY, "x": [KEY]}) == {name: HIDDEN, "x": [KEY]}
    assert redact({name: {"deeper": KEY}}) == {name: HIDDEN}


@pytest.mark.parametrize("value", [None, True, 5, 1.5, "plain", []])
def test_plain_data_is_shown_as_it_is(value: Any) -> None:
    assert redact(value) == value


def test_a_key_is_cleaned_too() -> None:
    assert redact({f"wss://me:{KEY}@host": 1, Secret(KEY): 2, 3: 4, None: 5}) == {"wss://***@host": 1, HIDDEN: 2, 3: 4, None: 5}
    assert KEY not in str(redact({(f"token={KEY}",): 1}))


def test_depth_and_size_are_bounded() -> None:
    deep: Any = "bottom"
    for _ in range(50):
        deep = [deep]
    assert "bottom" not in str(redact(deep))
    assert len(redact(list(range(1000)))) == 100
    assert len(redact({number: number for number in range(1000)})) == 100
    assert len(redact("x" * 1_000_000)) <= 10_000


@pytest.mark.parametrize("before", range(9_400, 10_050, 7))
def test_a_secret_that_the_cut_goes_through_is_not_shown(before: int) -> None:
    for text in (f"https://user:{KEY}@host/", f"password='a {KEY}'", f"token={KEY} "):
        shown = redact("x" * before + " " + text + "y" * 1000)
        assert KEY[:6] not in shown


def test_what_cannot_show_itself_is_named() -> None:
    class Shy:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    assert redact([Shy()]) == ["<Shy that cannot be shown: RuntimeError>"]


# Words that cannot be part of what the wrapping itself says, nor look like anything.
words = st.text("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", min_size=12, max_size=30)
WRAPPINGS: list[Any] = [
    Secret,
    lambda key: {"api_secret": key},
    lambda key: {"headers": {"Authorization": f"Bearer {key}"}},
    lambda key: f"wss://user:{quote(key)}@host/stream?listenKey={key}",
    lambda key: f"params: timestamp=1&signature={key}",
    lambda key: f'{{"secret": "{key}"}}',
    lambda key: f"Client(password={key!r})",
    lambda key: f"-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----",
    lambda key: ValueError(f"bad token: {key}"),
    lambda key: f"token={key}".encode(),
]
nested = st.recursive(
    st.tuples(st.just("leaf"), st.integers(0, len(WRAPPINGS) - 1)),
    lambda inner: st.tuples(st.sampled_from(["list", "tuple", "dict", "repr", "str"]), inner),
    max_leaves=4,
)


def build(shape: Any, key: str) -> Any:
    kind, inner = shape
    match kind:
        case "leaf":
            return WRAPPINGS[inner](key)
        case "list":
            return [1, build(inner, key)]
        case "tuple":
            return (build(inner, key),)
        case "dict":
            return {"a": build(inner, key)}
        case "repr":
            return repr(build(inner, key))
        case _:
            return f"said: {build(inner, key)}"


@settings(deadline=None, max_examples=200, print_blob=True)
@given(nested, words)
def test_a_secret_never_appears_however_it_is_wrapped(shape: Any, key: str) -> None:
    assert key not in str(redact(build(shape, key)))
