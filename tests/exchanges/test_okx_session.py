"""One connection to OKX: what is said, and what frames mean, in the form of today."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from actors.errors import BadFrame
from actors.exchanges.okx import Okx, OkxSession
from actors.exchanges.okx.session import LARGEST_REQUEST, UNANSWERED
from actors.market import BookDelta, BookSnapshot, Feed, MarketEvent, Quote, Subscription, Ticker24h, Trade
from actors.ports import Ack, Delivery, Frame, Heartbeat, Refusal, ShutdownNotice

OKX = Okx.production()
BTC, ETH = OKX.instrument("BTC/USDT"), OKX.instrument("ETH/USDT")
TRADES, QUOTES, BOOK, TICKER = (Subscription(BTC, feed) for feed in (Feed.TRADES, Feed.QUOTES, Feed.BOOK, Feed.TICKER))
ETH_TRADES = Subscription(ETH, Feed.TRADES)
CHANNELS = {Feed.TRADES: "trades", Feed.QUOTES: "bbo-tbt", Feed.BOOK: "books", Feed.TICKER: "tickers"}


def argument(subscription: Subscription) -> dict[str, str]:
    return {"channel": CHANNELS[subscription.feed], "instId": subscription.instrument.native}


def frame(content: Any, arrived: float = 0.0) -> Frame:
    return Frame(content if isinstance(content, bytes) else msgspec.json.encode(content), arrived)


def ready(*subscriptions: Subscription) -> OkxSession:
    session = OKX.session()
    session.subscribe(subscriptions)
    return session


def delivered(
    session: OkxSession, subscription: Subscription, *data: Any, action: str = "", arrived: float = 0.0
) -> list[MarketEvent]:
    content = {"arg": argument(subscription), **({"action": action} if action else {}), "data": list(data)}
    inbound = session.receive(frame(content, arrived))
    assert isinstance(inbound, Delivery)
    assert inbound.subscription == subscription
    return list(inbound.events)


def ack(subscription: Subscription, request_id: str = "1", event: str = "subscribe") -> Frame:
    return frame({"id": request_id, "event": event, "arg": argument(subscription), "connId": "a4d3ae55"})


def error(message: str, code: str = "60018", request_id: str | None = "1") -> Frame:
    return frame(
        {"event": "error", "msg": message, "code": code, "connId": "a4d3ae55"} | ({"id": request_id} if request_id else {})
    )


def unknown(subscription: Subscription) -> str:
    channel = argument(subscription)
    return f"Subscribe failed, wrong URL or channel:{channel['channel']},instId:{channel['instId']} doesn't exist."


LEVELS = {
    "bids": [["100.5", "2", "0", "1"], ["100", "7", "0", "3"]],
    "asks": [["100.6", "0.5", "0", "1"]],
    "ts": "1791369351001",
}


# What is said


def test_a_request_names_its_channels_and_has_an_id() -> None:
    (said,) = OKX.session().subscribe([TRADES, BOOK, QUOTES, TICKER])
    assert msgspec.json.decode(said) == {
        "id": "1",
        "op": "subscribe",
        "args": [
            {"channel": "trades", "instId": "BTC-USDT"},
            {"channel": "books", "instId": "BTC-USDT"},
            {"channel": "bbo-tbt", "instId": "BTC-USDT"},
            {"channel": "tickers", "instId": "BTC-USDT"},
        ],
    }


def test_what_was_asked_for_is_not_asked_for_twice() -> None:
    session = ready(TRADES)
    (said,) = session.subscribe([TRADES, BOOK])
    assert msgspec.json.decode(said)["args"] == [argument(BOOK)]


def test_only_what_was_asked_for_is_given_up() -> None:
    session = ready(TRADES)
    (said,) = session.unsubscribe([TRADES, BOOK])
    assert msgspec.json.decode(said) == {"id": "2", "op": "unsubscribe", "args": [argument(TRADES)]}


def test_many_channels_are_several_requests_of_less_than_64_kb() -> None:
    instruments = [OKX.instrument(f"{'A' * 18}{n}/USDT") for n in range(10, 60)]
    said = OKX.session().subscribe([Subscription(i, feed) for i in instruments for feed in CHANNELS])
    assert [len(msgspec.json.decode(one)["args"]) for one in said] == [100, 100]
    assert max(map(len, said)) < LARGEST_REQUEST / 4


def test_a_ping_is_a_text_and_its_answer_a_sign_of_life() -> None:
    session = OKX.session()
    assert (session.ping(), session.receive(frame(b"pong"))) == ("ping", Heartbeat())


# Answers


def test_each_channel_is_confirmed_by_itself() -> None:
    session = ready(TRADES, BOOK)
    assert [session.receive(ack(BOOK)), session.receive(ack(TRADES))] == [Ack(1, (BOOK,)), Ack(1, (TRADES,))]


def test_a_confirmation_without_an_id_is_known_by_its_channel() -> None:
    assert ready(BOOK).receive(frame({"event": "subscribe", "arg": argument(BOOK)})) == Ack(None, (BOOK,))


def test_the_confirmation_of_an_unsubscription_names_nothing() -> None:
    session = ready(TRADES)
    session.unsubscribe([TRADES])
    assert session.receive(ack(TRADES, "2", "unsubscribe")) == Ack(2, ())


@pytest.mark.parametrize(
    "content",
    [
        {"id": "77", "event": "subscribe", "arg": argument(TRADES)},
        {"id": "1", "event": "subscribe", "arg": argument(ETH_TRADES)},
        {"event": "unsubscribe", "arg": argument(TRADES)},
        {"id": "x", "event": "subscribe", "arg": argument(ETH_TRADES)},
        {"event": "channel-conn-count", "channel": "orders", "connCount": "2", "connId": "a"},
        {"event": "notice", "code": "64999", "msg": "something else"},
        {"event": "something new"},
        {"arg": argument(ETH_TRADES), "data": [{"tradeId": "1"}]},
        {},
    ],
)
def test_what_does_not_concern_us_means_nothing(content: object) -> None:
    assert ready(TRADES).receive(frame(content)) is None


def test_data_of_what_was_given_up_means_nothing() -> None:
    session = ready(BOOK)
    session.unsubscribe([BOOK])
    assert session.receive(frame({"arg": argument(BOOK), "action": "snapshot", "data": [LEVELS]})) is None


def test_an_error_that_names_a_channel_refuses_that_one_alone() -> None:
    session = ready(TRADES, BOOK)
    assert session.receive(error(unknown(BOOK))) == Refusal(1, (BOOK,), 60018, unknown(BOOK))
    assert session.receive(ack(TRADES)) == Ack(1, (TRADES,))


def test_what_was_refused_can_be_asked_for_again_and_what_was_not_is_still_subscribed() -> None:
    session = ready(TRADES, BOOK)
    session.receive(error(unknown(BOOK)))
    (said,) = session.subscribe([TRADES, BOOK])
    assert msgspec.json.decode(said)["args"] == [argument(BOOK)]


def test_an_error_that_names_none_refuses_what_of_its_request_was_not_confirmed() -> None:
    session = ready(TRADES, BOOK, TICKER)
    session.receive(ack(BOOK))
    refusal = session.receive(error("Requests too frequent", "60014"))
    assert refusal == Refusal(1, (TRADES, TICKER), 60014, "Requests too frequent")


def test_an_error_without_an_id_is_known_by_the_channel_that_it_names() -> None:
    session = ready(TRADES, BOOK)
    assert session.receive(error(unknown(BOOK), request_id=None)) == Refusal(None, (BOOK,), 60018, unknown(BOOK))


def test_an_error_that_says_nothing_of_a_request_refuses_nothing() -> None:
    invalid = 'Invalid request: {"op": "subscribe", "argss":[]}'
    assert ready(TRADES).receive(error(invalid, "60012", None)) == Refusal(None, (), 60012, invalid)


def test_a_late_refusal_does_not_take_away_what_was_asked_for_since() -> None:
    session = ready(BOOK)
    session.unsubscribe([BOOK])
    session.subscribe([BOOK])
    session.receive(error(unknown(BOOK)))
    assert isinstance(delivered(session, BOOK, {**LEVELS, "seqId": 5, "prevSeqId": -1}, action="snapshot")[0], BookSnapshot)


def test_the_announcement_of_an_upgrade_is_one_of_shutdown() -> None:
    words = "The connection will soon be closed for a service upgrade. Please reconnect."
    notice = {"event": "notice", "code": "64008", "msg": words, "connId": "a4d3ae55"}
    assert OKX.session().receive(frame(notice)) == ShutdownNotice()


def test_requests_that_are_never_answered_are_forgotten() -> None:
    session = OKX.session()
    for _ in range(UNANSWERED):
        session.subscribe([TRADES])
        session.unsubscribe([TRADES])
    assert session.receive(ack(TRADES, "1")) is None
    assert session.receive(ack(TRADES, str(2 * UNANSWERED - 1))) == Ack(2 * UNANSWERED - 1, (TRADES,))


# Data


def test_trades_are_read_to_the_digit() -> None:
    wire = {
        "instId": "BTC-USDT",
        "px": "83753",
        "sz": "0.000011",
        "ts": "1791369376364",
        "count": "1",
        "source": "0",
        "seqId": 8,
    }
    found = delivered(
        ready(TRADES), TRADES, {**wire, "tradeId": "9", "side": "sell"}, {**wire, "tradeId": "12", "side": "buy"}, arrived=2.5
    )
    first = Trade(
        instrument=BTC,
        received=2.5,
        id=9,
        price=Decimal(83753),
        quantity=Decimal("0.000011"),
        buyer_is_maker=True,
        time_ms=1791369376364,
    )
    assert found == [first, structs.replace(first, id=12, buyer_is_maker=False)]


def test_a_quote_stands_at_the_id_of_the_book() -> None:
    (quote,) = delivered(ready(QUOTES), QUOTES, {**LEVELS, "seqId": 77})
    assert quote == Quote(
        instrument=BTC,
        update_id=77,
        bid=Decimal("100.5"),
        bid_quantity=Decimal(2),
        ask=Decimal("100.6"),
        ask_quantity=Decimal("0.5"),
    )


def test_a_side_without_orders_has_no_quote_but_is_a_sign_of_life() -> None:
    assert delivered(ready(QUOTES), QUOTES, {**LEVELS, "bids": [], "seqId": 77}) == []


def test_books_come_as_a_snapshot_and_what_follows_it_by_name() -> None:
    session = ready(BOOK)
    (whole,) = delivered(
        session, BOOK, {**LEVELS, "checksum": 0, "seqId": 123456, "prevSeqId": -1}, action="snapshot", arrived=1.0
    )
    (change,) = delivered(
        session, BOOK, {**LEVELS, "asks": [], "checksum": 0, "seqId": 123460, "prevSeqId": 123456}, action="update", arrived=2.0
    )
    bids = [(Decimal("100.5"), Decimal(2)), (Decimal(100), Decimal(7))]
    assert whole == BookSnapshot(
        instrument=BTC, received=1.0, last_id=123456, bids=bids, asks=[(Decimal("100.6"), Decimal("0.5"))]
    )
    assert change == BookDelta(
        instrument=BTC, received=2.0, first_id=123460, last_id=123460, previous_id=123456, bids=bids, asks=[]
    )


@pytest.mark.parametrize(("sent", "read"), [(-855196043, -855196043), (7, 7), (0, None)])
def test_a_checksum_of_0_is_none(sent: int, read: int | None) -> None:
    (whole,) = delivered(ready(BOOK), BOOK, {**LEVELS, "checksum": sent, "seqId": 1, "prevSeqId": -1}, action="snapshot")
    assert isinstance(whole, BookSnapshot)
    assert whole.checksum == read


def test_books_without_ids_are_numbered_as_they_arrive_and_never_backwards() -> None:
    session = ready(BOOK)
    times = [("snapshot", 1000), ("update", 1100), ("update", 1100), ("update", 1050), ("update", 1400)]
    found = [delivered(session, BOOK, {**LEVELS, "ts": str(ts), "checksum": 3}, action=action)[0] for action, ts in times]
    chained = [(event.last_id, event.previous_id) for event in found if isinstance(event, BookDelta)]
    assert (found[0].sequence, chained) == (1000, [(1100, 1000), (1101, 1100), (1102, 1101), (1400, 1102)])


def test_statistics_of_a_day_are_read_and_what_there_is_not_is_0() -> None:
    wire = {"instType": "SPOT", "instId": "BTC-USDT", "last": "9999.99", "lastSz": "1", "askPx": "9999.9", "askSz": "11"}
    wire |= {"bidPx": "", "bidSz": "", "open24h": "9000", "high24h": "10000", "low24h": "8888.88", "sodUtc0": "2222"}
    wire |= {"volCcy24h": "2222.5", "vol24h": "2.5", "ts": "1597026383085"}
    (ticker,) = delivered(ready(TICKER), TICKER, wire)
    assert ticker == Ticker24h(
        instrument=BTC,
        open=Decimal(9000),
        high=Decimal(10000),
        low=Decimal("8888.88"),
        last=Decimal("9999.99"),
        volume=Decimal("2.5"),
        quote_volume=Decimal("2222.5"),
        bid=Decimal(0),
        bid_quantity=Decimal(0),
        ask=Decimal("9999.9"),
        ask_quantity=Decimal(11),
        time_ms=1597026383085,
    )


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"{", "no valid JSON"),
        (b"pong ", "no valid JSON"),
        (b"\xff", "no valid JSON"),
        (b"[1]", "not what the channel announces"),
        (b'{"more":' + b"[" * 2000, "no valid JSON"),
        (b'{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"snapshot","data":[{"bids":[["1"]]}]}', "announces"),
        (
            b'{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"other","data":[{"bids":[],"asks":[],"ts":"1"}]}',
            "announces: a book with action 'other'",
        ),
        (
            b'{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[{"bids":[],"asks":[],"ts":"1","seqId":4}]}',
            "prevSeqId None",
        ),
        (b'{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update"}', "no valid JSON"),
    ],
)
def test_what_cannot_be_read_is_a_bad_frame(payload: bytes, reason: str) -> None:
    with pytest.raises(BadFrame, match=reason):
        ready(BOOK).receive(frame(payload))


@settings(max_examples=60)
@given(
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.dictionaries(
            st.sampled_from(["arg", "data", "event", "id", "code", "msg", "channel", "instId", "action"]), inner, max_size=4
        ),
    ).map(msgspec.json.encode)
)
def test_any_frame_is_read_or_bad(payload: bytes) -> None:
    with contextlib.suppress(BadFrame):
        ready(BOOK, TRADES).receive(frame(payload))


def test_the_latest_trade_that_comes_again_after_asking_anew_is_not_told_twice() -> None:
    wire = {"px": "1", "sz": "1", "ts": "1", "side": "buy"}
    session = ready(TRADES)
    delivered(session, TRADES, {**wire, "tradeId": "9"})
    session.unsubscribe([TRADES])
    session.subscribe([TRADES])
    again = delivered(session, TRADES, {**wire, "tradeId": "9"}), delivered(session, TRADES, {**wire, "tradeId": "12"})
    assert [[event.sequence for event in events] for events in again] == [[], [12]]
