"""What a Binance stream frame means, by the payloads of the documentation."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.errors import BadFrame
from actors.exchanges.binance import Binance, BinanceSession
from actors.exchanges.binance.session import UNANSWERED
from actors.market import BookDelta, Feed, MarketEvent, Quote, Subscription, Trade
from actors.ports import Ack, Delivery, Frame, Inbound, Refusal, Session, ShutdownNotice

BTC = Binance.testnet().instrument("BTC/USDT")
ETH = Binance.testnet().instrument("ETH/USDT")
ALL = [Subscription(BTC, feed) for feed in (Feed.TRADES, Feed.QUOTES, Feed.BOOK)]

TRADE = (
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1672515782136,"s":"BTCUSDT","t":12345,'
    b'"p":"0.001","q":"100","T":1672515782137,"m":true,"M":true}}'
)
QUOTE = (
    b'{"stream":"btcusdt@bookTicker","data":{"u":400900217,"s":"BTCUSDT","b":"25.35190000",'
    b'"B":"31.21000000","a":"25.36520000","A":"40.66000000"}}'
)
DEPTH = (
    b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1672515782136,"s":"BTCUSDT","U":157,'
    b'"u":160,"b":[["0.0024","10"]],"a":[["0.0026","100"],["0.0027","0"]]}}'
)
FRAMES = (TRADE, QUOTE, DEPTH)


def frame(payload: bytes, arrived: float = 7.5) -> Frame:
    return Frame(payload, arrived)


def subscribed(*subscriptions: Subscription) -> BinanceSession:
    session = BinanceSession()
    session.subscribe(subscriptions or ALL)
    return session


def received(session: BinanceSession, payload: bytes) -> Inbound | MarketEvent:
    """What a frame means; of data, the one event in it."""
    inbound = session.receive(frame(payload))
    if isinstance(inbound, Delivery):
        (event,) = inbound.events
        return event
    return inbound


def decoded(payload: bytes) -> Inbound | MarketEvent:
    return received(subscribed(), payload)


def request(text: str) -> tuple[str, list[str], int]:
    sent = msgspec.json.decode(text)
    assert sorted(sent) == ["id", "method", "params"]
    return sent["method"], sent["params"], sent["id"]


def test_a_session_is_a_session() -> None:
    assert isinstance(BinanceSession(), Session)


def test_a_trade_is_decoded_with_its_instrument_and_arrival() -> None:
    event = decoded(TRADE)

    assert isinstance(event, Trade)
    assert (event.id, event.price, event.quantity) == (12345, Decimal("0.001"), Decimal(100))
    assert (event.buyer_is_maker, event.time_ms) == (True, 1672515782137)
    assert (event.instrument, event.received) == (BTC, 7.5)


def test_a_quote_is_decoded() -> None:
    event = decoded(QUOTE)

    assert isinstance(event, Quote)
    assert (event.update_id, event.bid, event.bid_quantity) == (400900217, Decimal("25.3519"), Decimal("31.21"))
    assert (event.ask, event.ask_quantity) == (Decimal("25.3652"), Decimal("40.66"))
    assert (event.instrument, event.received) == (BTC, 7.5)


def test_a_book_delta_is_decoded() -> None:
    event = decoded(DEPTH)

    assert isinstance(event, BookDelta)
    assert (event.first_id, event.last_id) == (157, 160)
    assert event.bids == [(Decimal("0.0024"), Decimal(10))]
    assert event.asks == [(Decimal("0.0026"), Decimal(100)), (Decimal("0.0027"), Decimal(0))]
    assert (event.instrument, event.received) == (BTC, 7.5)


def test_keys_in_another_order_or_with_spaces_are_decoded_too() -> None:
    event = decoded(b'{ "data" : {"u":1,"b":"1","B":"2","a":"3","A":"4","s":"x"}, "stream":"btcusdt@\\u0062ookTicker" }')

    assert isinstance(event, Quote)


def test_a_subscription_is_asked_for_in_lower_case_with_an_integer_id() -> None:
    (text,) = BinanceSession().subscribe(ALL)

    assert request(text) == ("SUBSCRIBE", ["btcusdt@trade", "btcusdt@bookTicker", "btcusdt@depth@100ms"], 1)


def test_many_subscriptions_go_in_batches_with_ids_of_their_own() -> None:
    frames = BinanceSession(batch=2).subscribe([*ALL, Subscription(ETH, Feed.TRADES), Subscription(ETH, Feed.BOOK)])

    assert [(len(request(f)[1]), request(f)[2]) for f in frames] == [(2, 1), (2, 2), (1, 3)]


def test_what_was_asked_for_is_not_asked_for_twice() -> None:
    session = BinanceSession()

    assert len(session.subscribe([ALL[0], ALL[0]])) == 1
    assert session.subscribe([ALL[0]]) == []


def test_nothing_to_ask_for_is_no_frame() -> None:
    session = BinanceSession()

    assert session.subscribe([]) == []
    assert session.unsubscribe(ALL) == []


def test_an_ack_names_what_it_confirms() -> None:
    assert decoded(b'{"result":null,"id":1}') == Ack(1, tuple(ALL))


def test_an_answer_counts_once() -> None:
    session = subscribed()
    session.receive(frame(b'{"result":null,"id":1}'))

    assert session.receive(frame(b'{"result":null,"id":1}')) is None


@pytest.mark.parametrize("answer_id", [b"99", b'"1"', b'"abc"', b"null"])
def test_an_answer_nobody_waits_for_is_nothing(answer_id: bytes) -> None:
    assert decoded(b'{"result":null,"id":' + answer_id + b"}") is None


@pytest.mark.parametrize(
    "payload",
    [
        b'{"code":2,"msg":"Invalid request: too many parameters","id":1}',
        b'{"error":{"code":2,"msg":"Invalid request: too many parameters"},"id":1}',
    ],
)
def test_a_refusal_names_what_it_refuses_in_either_form(payload: bytes) -> None:
    assert decoded(payload) == Refusal(1, tuple(ALL), 2, "Invalid request: too many parameters")


def test_a_refusal_of_something_unreadable_has_no_id() -> None:
    assert decoded(b'{"code":3,"msg":"Invalid JSON"}') == Refusal(None, (), 3, "Invalid JSON")


def test_refused_streams_can_be_asked_for_again() -> None:
    session = subscribed()
    session.receive(frame(b'{"code":2,"msg":"no","id":1}'))

    assert session.receive(frame(TRADE)) is None
    assert [request(f)[2] for f in session.subscribe(ALL)] == [2]


def test_a_late_refusal_leaves_what_was_asked_for_again_since() -> None:
    session = subscribed()
    session.unsubscribe(ALL)
    session.subscribe(ALL)
    session.receive(frame(b'{"code":2,"msg":"no","id":1}'))

    assert isinstance(received(session, TRADE), Trade)


def test_what_was_given_up_is_ignored_from_then_on() -> None:
    session = subscribed()
    (text,) = session.unsubscribe([ALL[0]])

    assert request(text) == ("UNSUBSCRIBE", ["btcusdt@trade"], 2)
    assert session.receive(frame(TRADE)) is None
    assert session.receive(frame(b'{"result":null,"id":2}')) == Ack(2, ())
    assert isinstance(received(session, QUOTE), Quote)


def test_requests_that_are_never_answered_do_not_pile_up() -> None:
    session = BinanceSession()
    for _ in range(UNANSWERED):
        session.subscribe([ALL[0]])
        session.unsubscribe([ALL[0]])
    assert len(session._waiting) == UNANSWERED


def test_of_unanswered_requests_the_latest_are_waited_for() -> None:
    session = BinanceSession()
    session.subscribe([ALL[0]])
    for _ in range(UNANSWERED - 1):
        session.unsubscribe([ALL[0]])
        session.subscribe([ALL[0]])
    sent = session.subscribe([ALL[1]])
    _, _, latest = request(sent[0])
    assert session.receive(frame(b'{"result":null,"id":1}')) is None
    assert session.receive(frame(b'{"result":null,"id":%d}' % latest)) == Ack(latest, (ALL[1],))


@pytest.mark.parametrize(
    "payload",
    [
        b'{"e":"serverShutdown","E":1770123456789}',
        b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}',
    ],
)
def test_a_shutdown_is_announced_in_either_form(payload: bytes) -> None:
    assert decoded(payload) == ShutdownNotice()


@pytest.mark.parametrize(
    "payload",
    [
        b'{"stream":"ethusdt@trade","data":{}}',
        b'{"e":"trade","E":1,"s":"BTCUSDT"}',
        b'{"lastUpdateId":1,"bids":[],"asks":[]}',
        b"{}",
    ],
)
def test_what_does_not_concern_us_is_nothing(payload: bytes) -> None:
    assert decoded(payload) is None


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"hello",
        b"[]",
        b"7",
        b"\xff\xfe",
        TRADE[:-20],
        TRADE + b"}",
        b'{"stream":"btcusdt@trade"}',
        b'{"stream":"btcusdt@trade","data":null}',
        TRADE.replace(b'"0.001"', b'"cheap"'),
        TRADE.replace(b"12345", b'"12345"'),
        DEPTH.replace(b'["0.0024","10"]', b'["0.0024"]'),
        QUOTE.replace(b"bookTicker", b"trade"),
        b'{"stream":"btcusdt@trade","data":' + b"[" * 100_000,
        b'{"id":1.5,"result":null}',
    ],
)
def test_what_cannot_be_used_is_a_bad_frame_and_the_session_goes_on(payload: bytes) -> None:
    session = subscribed()

    with pytest.raises(BadFrame):
        session.receive(frame(payload))
    assert isinstance(received(session, TRADE), Trade)


def test_a_bad_frame_says_which_kind_of_bad() -> None:
    with pytest.raises(BadFrame, match="not what the stream announces: Object missing required field `t`"):
        decoded(b'{"stream":"btcusdt@trade","data":{}}')
    with pytest.raises(BadFrame, match="no valid JSON"):
        decoded(TRADE[:50])


def receive_or_bad_frame(payload: bytes) -> None:
    with suppress(BadFrame):
        subscribed().receive(frame(payload))


@given(st.binary())
def test_random_bytes_raise_nothing_but_bad_frame(payload: bytes) -> None:
    receive_or_bad_frame(payload)


@given(st.sampled_from(FRAMES), st.data())
def test_damaged_frames_raise_nothing_but_bad_frame(payload: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(payload)))
    end = data.draw(st.integers(start, min(len(payload), start + 20)))
    receive_or_bad_frame(payload[:start] + data.draw(st.binary(max_size=6)) + payload[end:])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(["stream", "data", "id", "result", "error", "code", "msg", "e", "t", "p", "b", "a", "u"])
STREAMS = st.sampled_from(["btcusdt@trade", "btcusdt@bookTicker", "btcusdt@depth@100ms", "!serverShutdown"])


@settings(max_examples=settings().max_examples // 2)
@given(st.dictionaries(KEYS, JSON | STREAMS | st.dictionaries(KEYS, JSON)))
def test_any_json_object_raises_nothing_but_bad_frame(value: dict[str, object]) -> None:
    receive_or_bad_frame(msgspec.json.encode(value))
