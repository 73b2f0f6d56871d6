"""Every public feed of Binance, by the payloads of the documentation."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.exchanges.binance import Binance
from actors.market import Feed, MarketEvent, Subscription
from actors.ports import Delivery, Frame

BINANCE = Binance.testnet()
BTC = BINANCE.instrument("BTC/USDT")

NAMES = {
    Subscription(BTC, Feed.TRADES): "btcusdt@trade",
    Subscription(BTC, Feed.AGGREGATES): "btcusdt@aggTrade",
    Subscription(BTC, Feed.QUOTES): "btcusdt@bookTicker",
    Subscription(BTC, Feed.PARTIAL_BOOK, "5"): "btcusdt@depth5@100ms",
    Subscription(BTC, Feed.BOOK): "btcusdt@depth@100ms",
    Subscription(BTC, Feed.CANDLES, "1M"): "btcusdt@kline_1M",
    Subscription(BTC, Feed.TICKER): "btcusdt@ticker",
    Subscription(BTC, Feed.MINI_TICKER): "btcusdt@miniTicker",
    Subscription(BTC, Feed.AVERAGE_PRICE): "btcusdt@avgPrice",
}
PAYLOADS: dict[Feed, bytes] = {
    Feed.AGGREGATES: b'{"e":"aggTrade","E":1672515782136,"s":"BNBBTC","a":12345,"p":"0.001","q":"100","f":100,"l":105,'
    b'"T":1672515782136,"m":true,"M":true}',
    Feed.PARTIAL_BOOK: b'{"lastUpdateId":160,"bids":[["0.0024","10"]],"asks":[["0.0026","100"]]}',
    Feed.CANDLES: b'{"e":"kline","E":1672515782136,"s":"BNBBTC","k":{"t":1672515780000,"T":1672515839999,"s":"BNBBTC",'
    b'"i":"1m","f":100,"L":200,"o":"0.0010","c":"0.0020","h":"0.0025","l":"0.0015","v":"1000","n":100,"x":false,'
    b'"q":"1.0000","V":"500","Q":"0.500","B":"123456"}}',
    Feed.TICKER: b'{"e":"24hrTicker","E":1672515782136,"s":"BNBBTC","p":"0.0015","P":"250.00","w":"0.0018","x":"0.0009",'
    b'"c":"0.0025","Q":"10","b":"0.0024","B":"10","a":"0.0026","A":"100","o":"0.0010","h":"0.0025","l":"0.0010",'
    b'"v":"10000","q":"18","O":0,"C":86400000,"F":0,"L":18150,"n":18151}',
    Feed.MINI_TICKER: b'{"e":"24hrMiniTicker","E":1672515782136,"s":"BNBBTC","c":"0.0025","o":"0.0010","h":"0.0025",'
    b'"l":"0.0010","v":"10000","q":"18"}',
    Feed.AVERAGE_PRICE: b'{"e":"avgPrice","E":1693907033000,"s":"BTCUSDT","i":"5m","w":"25776.86000000","T":1693907032213}',
}
MEANT: dict[Feed, dict[str, Any]] = {
    Feed.AGGREGATES: {
        "id": 12345,
        "price": Decimal("0.001"),
        "quantity": Decimal(100),
        "first_trade_id": 100,
        "last_trade_id": 105,
        "buyer_is_maker": True,
        "time_ms": 1672515782136,
    },
    Feed.PARTIAL_BOOK: {
        "update_id": 160,
        "bids": ((Decimal("0.0024"), Decimal(10)),),
        "asks": ((Decimal("0.0026"), Decimal(100)),),
    },
    Feed.CANDLES: {
        "interval": "1m",
        "open_ms": 1672515780000,
        "close_ms": 1672515839999,
        "open": Decimal("0.0010"),
        "high": Decimal("0.0025"),
        "low": Decimal("0.0015"),
        "close": Decimal("0.0020"),
        "volume": Decimal(1000),
        "quote_volume": Decimal(1),
        "trades": 100,
        "closed": False,
        "time_ms": 1672515782136,
    },
    Feed.TICKER: {
        "open": Decimal("0.0010"),
        "high": Decimal("0.0025"),
        "low": Decimal("0.0010"),
        "last": Decimal("0.0025"),
        "volume": Decimal(10000),
        "quote_volume": Decimal(18),
        "bid": Decimal("0.0024"),
        "bid_quantity": Decimal(10),
        "ask": Decimal("0.0026"),
        "ask_quantity": Decimal(100),
        "time_ms": 86400000,
    },
    Feed.MINI_TICKER: {
        "open": Decimal("0.0010"),
        "high": Decimal("0.0025"),
        "low": Decimal("0.0010"),
        "last": Decimal("0.0025"),
        "volume": Decimal(10000),
        "quote_volume": Decimal(18),
        "time_ms": 1672515782136,
    },
    Feed.AVERAGE_PRICE: {"price": Decimal("25776.86"), "interval": "5m", "time_ms": 1693907032213},
}


def wanted(feed: Feed) -> Subscription:
    return next(subscription for subscription in NAMES if subscription.feed is feed)


def received(subscription: Subscription, data: bytes) -> MarketEvent:
    session = BINANCE.session()
    session.subscribe([subscription])
    inbound = session.receive(Frame(b'{"stream":"%s","data":%s}' % (NAMES[subscription].encode(), data), 7.5))
    assert isinstance(inbound, Delivery)
    assert inbound.subscription == subscription
    (event,) = inbound.events
    return event


@pytest.mark.parametrize(("subscription", "name"), NAMES.items(), ids=str)
def test_a_subscription_names_its_stream(subscription: Subscription, name: str) -> None:
    (text,) = BINANCE.session().subscribe([subscription])

    assert msgspec.json.decode(text)["params"] == [name]


def test_all_public_feeds_are_offered() -> None:
    assert set(BINANCE.feeds) == set(Feed)
    assert {feed for feed, rule in BINANCE.feeds.items() if rule.numbered} == {Feed.TRADES, Feed.AGGREGATES}


def test_options_are_the_documented_ones() -> None:
    options = {feed: set(rule.options) for feed, rule in BINANCE.feeds.items() if rule.options}

    assert options[Feed.PARTIAL_BOOK] == {"5", "10", "20"}
    assert len(options[Feed.CANDLES]) == 16
    assert {"1s", "1m", "1M"} <= options.pop(Feed.CANDLES)
    assert list(options) == [Feed.PARTIAL_BOOK]


@pytest.mark.parametrize("feed", PAYLOADS)
def test_the_documented_payload_is_decoded(feed: Feed) -> None:
    event = received(wanted(feed), PAYLOADS[feed])

    assert {name: getattr(event, name) for name in MEANT[feed]} == MEANT[feed]
    assert (event.instrument, event.received) == (BTC, 7.5)


@pytest.mark.parametrize("feed", PAYLOADS)
def test_a_decoded_event_leaves_no_field_of_ours_unset(feed: Feed) -> None:
    fields = set(received(wanted(feed), PAYLOADS[feed]).__struct_fields__)

    assert fields == {*MEANT[feed], "instrument", "received"}


def test_intervals_of_one_instrument_do_not_get_into_each_other() -> None:
    minute, month = Subscription(BTC, Feed.CANDLES, "1m"), Subscription(BTC, Feed.CANDLES, "1M")
    session = BINANCE.session()
    session.subscribe([minute, month])
    inbound = session.receive(Frame(b'{"stream":"btcusdt@kline_1M","data":%s}' % PAYLOADS[Feed.CANDLES], 1.0))

    assert isinstance(inbound, Delivery)
    assert inbound.subscription == month
