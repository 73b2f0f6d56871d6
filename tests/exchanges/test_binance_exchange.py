"""Addresses, instruments and limits of the Binance adapter."""

from __future__ import annotations

import pytest
from msgspec import structs

from actors.errors import UnknownInstrument
from actors.exchanges.binance import LIMITS, Binance, BinanceSession
from actors.market import InstrumentId
from actors.ports import Endpoint, Exchange, Role

LOCAL = Binance.at(stream_urls=["ws://127.0.0.1:1", "ws://127.0.0.1:2/"], rest_urls=["http://127.0.0.1:1"])


@pytest.mark.parametrize("binance", [Binance.production(), Binance.testnet(), LOCAL])
def test_it_is_an_exchange_with_endpoints_of_both_roles(binance: Binance) -> None:
    assert isinstance(binance, Exchange)
    assert {e.role for e in binance.endpoints} == set(Role)
    assert len({e.name for e in binance.endpoints}) == len(binance.endpoints)


def test_addresses_keep_their_order_and_lose_a_trailing_slash() -> None:
    assert LOCAL.endpoints == (
        Endpoint("stream-1", Role.STREAM, "ws://127.0.0.1:1"),
        Endpoint("stream-2", Role.STREAM, "ws://127.0.0.1:2"),
        Endpoint("rest-1", Role.REST, "http://127.0.0.1:1"),
    )


def test_connections_are_opened_to_the_combined_stream() -> None:
    assert LOCAL.stream_url(LOCAL.endpoints[0]) == "ws://127.0.0.1:1/stream"


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
        Binance.at(stream_urls=stream_urls, rest_urls=rest_urls)


def test_an_instrument_is_written_without_the_slash_there() -> None:
    assert LOCAL.instrument("BTC/USDT") == InstrumentId("binance", "BTCUSDT", "BTC/USDT")
    assert LOCAL.instrument("1000SATS/TRY").native == "1000SATSTRY"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("BTCUSDT", "expected 'BASE/QUOTE'"),
        ("binance:BTC/USDT", "without a venue"),
        ("btc/usdt", "symbols are in capitals: 'BTC/USDT'"),
        ("/USDT", "letters or digits"),
        ("BTC/", "letters or digits"),
        ("BTC/USDT/X", "letters or digits"),
        ("BTC@trade/USDT", "letters or digits"),
        ("A" * 21 + "/USDT", "1 to 20"),
        ("", "expected 'BASE/QUOTE'"),
    ],
)
def test_what_cannot_be_an_instrument_is_said_to_be_unknown(text: str, said: str) -> None:
    with pytest.raises(UnknownInstrument, match=said):
        LOCAL.instrument(text)


def test_the_limits_are_the_documented_ones() -> None:
    assert (LIMITS.attempts, LIMITS.attempts_within) == (300, 300.0)
    assert (LIMITS.weight, LIMITS.weight_within) == (6000, 60.0)
    assert (LIMITS.subscriptions, LIMITS.max_age, LIMITS.server_ping) == (1024, 86_400.0, 20.0)
    assert LOCAL.limits is LIMITS


def test_messages_are_paced_below_the_documented_five_in_a_second_by_a_tenth() -> None:
    assert (LIMITS.messages, LIMITS.messages_within) == (5, 1.1)


def test_a_session_is_fresh_each_time() -> None:
    session = LOCAL.session()

    assert isinstance(session, BinanceSession)
    assert session is not LOCAL.session()


@pytest.mark.parametrize("limit", [0, 5001])
def test_a_depth_that_binance_does_not_give_is_refused_at_once(limit: int) -> None:
    with pytest.raises(ValueError, match="expected 1 to 5000 levels"):
        Binance.production(depth_limit=limit)


@pytest.mark.parametrize(("depth_limit", "heaviest"), [(5000, 250), (1000, 50), (100, 25)])
def test_a_weight_limit_below_the_heaviest_request_is_refused_when_it_is_given(depth_limit: int, heaviest: int) -> None:
    def at(weight: int) -> Binance:
        limits = structs.replace(LIMITS, weight=weight)
        return Binance.at(stream_urls=["ws://x"], rest_urls=["http://x"], depth_limit=depth_limit, limits=limits)

    with pytest.raises(ValueError, match=f"expected {heaviest} or more"):
        at(heaviest - 1)
    assert at(heaviest).limits.weight == heaviest
