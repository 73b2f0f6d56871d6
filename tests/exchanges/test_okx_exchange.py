"""Addresses, instruments, limits and the checksum of the OKX adapter."""

from __future__ import annotations

import math
from decimal import Decimal
from zlib import crc32

import pytest
from msgspec import structs

from actors.errors import UnknownInstrument
from actors.exchanges.okx import LIMITS, Okx, OkxSession
from actors.market import Feed, InstrumentId, Level
from actors.ports import Endpoint, Exchange, Role

LOCAL = Okx.at(stream_urls=["ws://127.0.0.1:1", "ws://127.0.0.1:2/"], rest_urls=["http://127.0.0.1:1"])


@pytest.mark.parametrize("okx", [Okx.production(), LOCAL])
def test_it_is_an_exchange_with_endpoints_of_both_roles(okx: Okx) -> None:
    assert isinstance(okx, Exchange)
    assert {e.role for e in okx.endpoints} == set(Role)
    assert len({e.name for e in okx.endpoints}) == len(okx.endpoints)


def test_addresses_keep_their_order_and_lose_a_trailing_slash() -> None:
    assert LOCAL.endpoints == (
        Endpoint("stream-1", Role.STREAM, "ws://127.0.0.1:1"),
        Endpoint("stream-2", Role.STREAM, "ws://127.0.0.1:2"),
        Endpoint("rest-1", Role.REST, "http://127.0.0.1:1"),
    )


def test_connections_are_opened_to_the_public_channels() -> None:
    assert LOCAL.stream_url(LOCAL.endpoints[0]) == "ws://127.0.0.1:1/ws/v5/public"


def test_no_address_has_the_port_that_was_closed_in_october_2026() -> None:
    assert not [e.url for e in Okx.production().endpoints if "8443" in e.url]


def test_a_rest_endpoint_is_no_place_for_a_stream() -> None:
    with pytest.raises(ValueError, match="'rest-1' is a rest endpoint, expected a stream endpoint"):
        LOCAL.stream_url(LOCAL.endpoints[2])


@pytest.mark.parametrize(
    ("stream_urls", "rest_urls", "said"),
    [
        ([], ["http://a"], "no stream address given"),
        (["ws://a"], [], "no rest address given"),
        (["http://a"], ["http://a"], "'http://a' is no stream address, expected ws:// or wss://"),
        (["ws://a"], ["a"], "'a' is no rest address"),
    ],
)
def test_a_wrong_address_is_refused(stream_urls: list[str], rest_urls: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Okx.at(stream_urls=stream_urls, rest_urls=rest_urls)


def test_an_instrument_is_written_with_a_dash_there() -> None:
    assert LOCAL.instrument("BTC/USDT") == InstrumentId("okx", "BTC-USDT", "BTC/USDT")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("BTC-USDT", "not OKX's own 'BTC-USDT'"),
        ("BTC/USDT-SWAP", "only spot pairs are offered, no swaps"),
        ("BTC/USDT:USDT", "without a venue"),
        ("okx:BTC/USDT", "without a venue"),
        ("btc/usdt", "symbols are in capitals: 'BTC/USDT'"),
        ("/USDT", "letters or digits"),
        ("BTC/", "letters or digits"),
        ("", "expected 'BASE/QUOTE'"),
    ],
)
def test_what_cannot_be_an_instrument_is_said_to_be_unknown(text: str, said: str) -> None:
    with pytest.raises(UnknownInstrument, match=said):
        LOCAL.instrument(text)


def test_the_limits_are_the_documented_ones() -> None:
    assert (LIMITS.messages, LIMITS.messages_within) == (480, 3600.0)
    assert (LIMITS.attempts, LIMITS.attempts_within) == (3, 1.1)
    assert LIMITS.subscriptions / 3 <= 30


def test_it_is_pinged_before_it_closes_a_silent_connection() -> None:
    assert (LIMITS.client_ping, LIMITS.server_ping, LIMITS.spares) == (20.0, math.inf, False)


def test_pings_leave_room_for_requests_within_the_hour() -> None:
    assert LIMITS.messages - LIMITS.messages_within / LIMITS.client_ping == 300


def test_no_feed_is_numbered_because_a_trade_s_id_is_that_of_the_last_match_in_it() -> None:
    assert {feed: rule.numbered for feed, rule in LOCAL.feeds.items()} == dict.fromkeys(
        (Feed.TRADES, Feed.QUOTES, Feed.BOOK, Feed.TICKER), False
    )


def test_a_weight_limit_below_the_heaviest_request_is_refused_when_it_is_given() -> None:
    with pytest.raises(ValueError, match="expected 20 or more"):
        Okx.at(stream_urls=["ws://x"], rest_urls=["http://x"], limits=structs.replace(LIMITS, weight=19))


def test_a_session_is_fresh_each_time() -> None:
    assert isinstance(LOCAL.session(), OkxSession)
    assert LOCAL.session() is not LOCAL.session()


def side(*texts: tuple[str, str]) -> list[Level]:
    return [(Decimal(price), Decimal(quantity)) for price, quantity in texts]


@pytest.mark.parametrize(
    ("bids", "asks", "text"),
    [
        (
            side(("3366.1", "7"), ("3366", "6")),
            side(("3366.8", "9"), ("3368", "8")),
            b"3366.1:7:3366.8:9:3366:6:3368:8",
        ),
        (
            side(("3366.1", "7")),
            side(("3366.8", "9"), ("3368", "8"), ("3372", "8")),
            b"3366.1:7:3366.8:9:3368:8:3372:8",
        ),
        (side(("0.00000010", "1000000")), [], b"0.00000010:1000000"),
        ([], [], b""),
    ],
    ids=["both", "fewer bids", "digits as they came", "nothing"],
)
def test_the_checksum_is_that_of_the_documentation(bids: list[Level], asks: list[Level], text: bytes) -> None:
    assert LOCAL.checksum(bids, asks) == crc32(text)


def test_the_checksum_covers_25_levels() -> None:
    many = side(*((str(100 - n), "1") for n in range(40)))
    assert LOCAL.checksum(many, many) == LOCAL.checksum(many[:25], many[:25]) != LOCAL.checksum(many[:24], many[:24])
