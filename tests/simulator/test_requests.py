"""The requests of a stream connection: text in, answer out."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.simulator.requests import StreamRequests, streams_of_target


def fresh(*streams: str, combined: bool = True, limit: int = 1024) -> StreamRequests:
    requests = StreamRequests(combined, limit)
    requests.add(streams)
    return requests


def ask(requests: StreamRequests, **request: object) -> Any:
    return msgspec.json.decode(requests.answer(msgspec.json.encode(request)).reply)


def test_a_subscription_is_confirmed_and_counts() -> None:
    requests = fresh()
    answer = requests.answer(b'{"method":"SUBSCRIBE","params":["a@trade","b@depth@100ms","a@trade"],"id":1}')

    assert msgspec.json.decode(answer.reply) == {"result": None, "id": 1}
    assert (answer.added, answer.removed) == (("a@trade", "b@depth@100ms"), ())
    assert requests.streams == ["a@trade", "b@depth@100ms"]


def test_subscribing_twice_changes_nothing() -> None:
    assert fresh("a@trade").answer(b'{"method":"SUBSCRIBE","params":["a@trade"],"id":1}').added == ()


def test_an_unsubscription_is_confirmed_even_of_what_was_not_subscribed() -> None:
    requests = fresh("a@trade", "b@trade")
    answer = requests.answer(b'{"method":"UNSUBSCRIBE","params":["a@trade","z@trade"],"id":1}')

    assert msgspec.json.decode(answer.reply) == {"result": None, "id": 1}
    assert answer.removed == ("a@trade",)
    assert requests.streams == ["b@trade"]


@pytest.mark.parametrize("request_id", [1, 0, -1, 1_700_000_000_000, 2**63 - 1, "x", "a" * 36, None])
def test_any_id_of_the_right_form_comes_back(request_id: object) -> None:
    assert ask(fresh(), method="LIST_SUBSCRIPTIONS", id=request_id) == {"result": [], "id": request_id}


def test_an_id_may_be_left_out() -> None:
    assert ask(fresh("a@trade"), method="LIST_SUBSCRIPTIONS") == {"result": ["a@trade"], "id": None}


@pytest.mark.parametrize("request_id", [1.5, True, 2**63, "a" * 37, [], {}])
def test_another_id_is_refused(request_id: object) -> None:
    answer = ask(fresh(), method="LIST_SUBSCRIPTIONS", id=request_id)

    assert answer == {
        "code": 2,
        "msg": "Invalid request: request ID must be an integer, a string up to 36 long or null",
        "id": None,
    }


def test_the_form_of_events_can_be_set_and_asked_for() -> None:
    requests = fresh(combined=False)

    assert ask(requests, method="GET_PROPERTY", params=["combined"], id=1) == {"result": False, "id": 1}
    assert ask(requests, method="SET_PROPERTY", params=["combined", True], id=2) == {"result": None, "id": 2}
    assert requests.combined
    assert ask(requests, method="GET_PROPERTY", params=["combined"], id=3) == {"result": True, "id": 3}


@pytest.mark.parametrize(
    ("request_", "code", "said"),
    [
        ({}, 2, "missing field `method`"),
        ({"method": "STOP"}, 2, "unknown variant `STOP`, expected one of SUBSCRIBE, UNSUBSCRIBE"),
        ({"method": ["SUBSCRIBE"]}, 2, "unknown variant"),
        ({"method": "SUBSCRIBE"}, 2, "params must be a list"),
        ({"method": "SUBSCRIBE", "params": []}, 2, "params must be a list"),
        ({"method": "SUBSCRIBE", "params": "a@trade"}, 2, "params must be a list"),
        ({"method": "SUBSCRIBE", "params": ["a@trade", 5]}, 2, "invalid stream 5"),
        ({"method": "SUBSCRIBE", "params": ["btcusdt"]}, 2, "invalid stream 'btcusdt'"),
        ({"method": "UNSUBSCRIBE", "params": [""]}, 2, "invalid stream ''"),
        ({"method": "SET_PROPERTY", "params": ["combined", 1]}, 1, "expected Boolean"),
        ({"method": "SET_PROPERTY", "params": ["color", True]}, 0, "Unknown property"),
        ({"method": "SET_PROPERTY", "params": [1, True]}, 2, "property name must be a string"),
        ({"method": "SET_PROPERTY"}, 2, "property name must be a string"),
        ({"method": "GET_PROPERTY", "params": ["color"]}, 0, "Unknown property"),
        ({"method": "GET_PROPERTY", "params": []}, 2, "property name must be a string"),
    ],
)
def test_a_malformed_request_is_answered_with_code_and_id(request_: dict[str, object], code: int, said: str) -> None:
    requests = fresh("a@trade")
    answer = ask(requests, **request_, id=9)

    assert (answer["code"], answer["id"]) == (code, 9)
    assert said in answer["msg"]
    assert requests.streams == ["a@trade"]


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[" * 5000])
def test_what_is_no_json_is_code_3(text: bytes) -> None:
    answer = msgspec.json.decode(fresh().answer(text).reply)

    assert (answer["code"], answer["id"]) == (3, None)


def test_more_streams_than_a_connection_may_have_are_refused_as_a_whole() -> None:
    requests = fresh("a@trade", limit=2)

    assert ask(requests, method="SUBSCRIBE", params=["b@trade", "c@trade"], id=1)["code"] == 2
    assert requests.streams == ["a@trade"]
    assert ask(requests, method="SUBSCRIBE", params=["a@trade", "b@trade"], id=2) == {"result": None, "id": 2}


@given(st.binary() | st.text().map(str.encode))
def test_anything_is_answered_with_json(text: bytes) -> None:
    assert isinstance(msgspec.json.decode(fresh().answer(text).reply), dict)


@pytest.mark.parametrize(
    ("path", "query", "target"),
    [
        ("/ws", {}, (False, [])),
        ("/ws/", {}, (False, [])),
        ("/ws/0", {}, (False, [])),
        ("/ws/a@trade", {}, (False, ["a@trade"])),
        ("/ws/a@trade/b@depth@100ms", {}, (False, ["a@trade", "b@depth@100ms"])),
        ("/stream", {}, (True, [])),
        ("/stream", {"streams": ["a@trade/b@bookTicker"]}, (True, ["a@trade", "b@bookTicker"])),
        ("/stream", {"streams": ["a@trade"], "timeUnit": ["MICROSECOND"]}, (True, ["a@trade"])),
        ("/", {}, None),
        ("/api/v3/ping", {}, None),
    ],
)
def test_any_address_that_a_client_uses_is_understood(
    path: str, query: dict[str, list[str]], target: tuple[bool, list[str]] | None
) -> None:
    assert streams_of_target(path, query) == target
