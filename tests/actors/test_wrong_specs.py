"""A spec that cannot work is an error when it is built: it names the field, the value and what to type."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest

from actors.bot_tree import bot_tree
from actors.errors import UnknownInstrument
from actors.exchange_tree import TreeOptions, exchange_tree
from actors.feeds import books, quotes, trades
from actors.market import Feed
from actors.resilience import BreakerConfig
from actors.stream_options import StreamOptions
from actors.transport import WebSocketTransport
from supervisor import ActorSpec, Backoff, DynamicSupervisorSpec, Intensity, SpecError, Topic
from tests.actors.exchange import FakeExchange

BINANCE = FakeExchange().binance()
VENUE = exchange_tree(BINANCE)
ACTOR = ActorSpec("strategy", lambda: None)
BTC = trades("binance:BTC/USDT")

NO_SECONDS = [0, -1, -0.5, math.nan, math.inf, True, "5", None, 10**400]
NO_COUNT = [0, -5, 1.5, math.nan, True, "5", None]


def tree(**given: Any) -> object:
    return exchange_tree(**{"exchange": BINANCE, **given})


def bot(*exchanges: Any, **given: Any) -> object:
    return bot_tree(*exchanges, **given)


def first_exchange(exchange: Any) -> object:
    return bot_tree(exchange)


Row = tuple[Callable[..., object], str, str, Any, str]
"""What is built, how the error names the field, the argument, a wrong value, what to type."""

WRONG: list[Row] = [
    *[(StreamOptions, "StreamOptions.beat", "beat", value, "beat=1.0") for value in NO_SECONDS],
    *[(StreamOptions, "StreamOptions.book_levels", "book_levels", value, "book_levels=20") for value in NO_COUNT],
    *[(StreamOptions, "StreamOptions.bad_frames", "bad_frames", value, "bad_frames=100") for value in NO_COUNT],
    *[
        (StreamOptions, "StreamOptions.bad_frames_within", "bad_frames_within", value, "bad_frames_within=10.0")
        for value in NO_SECONDS
    ],
    (StreamOptions, "StreamOptions.reconnect", "reconnect", 1.0, "reconnect=Backoff()"),
    (StreamOptions, "StreamOptions.reconnect", "reconnect", None, "reconnect=Backoff()"),
    (StreamOptions, "StreamOptions.reconnect", "reconnect", Backoff, "reconnect=Backoff()"),
    *[
        (StreamOptions, "StreamOptions.silence", "silence", {Feed.TRADES: value}, "silence={Feed.TRADES: 60.0}")
        for value in NO_SECONDS
    ],
    *[
        (StreamOptions, "StreamOptions.silence", "silence", value, "any of Feed.TRADES, Feed.QUOTES, Feed.BOOK")
        for value in [{"candles": 5.0}, {"trades": 5.0}, {BTC: 5.0}, 5.0, None, [Feed.TRADES]]
    ],
    (TreeOptions, "TreeOptions.breaker", "breaker", 5, "breaker=BreakerConfig()"),
    (TreeOptions, "TreeOptions.breaker", "breaker", BreakerConfig, "breaker=BreakerConfig()"),
    (TreeOptions, "TreeOptions.links", "links", None, "links=LinkLimits()"),
    (TreeOptions, "TreeOptions.stream", "stream", BreakerConfig(), "stream=StreamOptions()"),
    (TreeOptions, "TreeOptions.stream", "stream", None, "stream=StreamOptions()"),
    (TreeOptions, "TreeOptions.incidents", "incidents", 5, "incidents=BookLimits()"),
    (TreeOptions, "TreeOptions.intensity", "intensity", 5, "intensity=Intensity()"),
    (TreeOptions, "TreeOptions.intensity", "intensity", None, "intensity=Intensity()"),
    *[(TreeOptions, "TreeOptions.health_ttl", "health_ttl", value, "health_ttl=10.0") for value in [*NO_SECONDS, 0.5, 1.0]],
    *[
        (tree, "exchange_tree.exchange", "exchange", value, "Binance.production()")
        for value in ["binance", None, 5, type(BINANCE), FakeExchange()]
    ],
    *[
        (tree, "exchange_tree.feeds", "feeds", value, '[trades("binance:BTC/USDT")]')
        for value in [BTC, "trades:binance:BTC/USDT", None, 5, trades]
    ],
    *[(tree, "feed", "feeds", [value], 'trades("binance:BTC/USDT")') for value in ["trades", None, trades, Feed.TRADES]],
    *[
        (tree, "exchange_tree.transport", "transport", value, "WebSocketTransport()")
        for value in [5, "wss://one", False, WebSocketTransport]
    ],
    *[(tree, "exchange_tree.open_rest", "open_rest", value, "HttpRest") for value in [5, "https://one", nullcontext()]],
    *[
        (tree, "exchange_tree.options", "options", value, "TreeOptions(")
        for value in [5, {"health_ttl": 10.0}, StreamOptions(), TreeOptions, False]
    ],
    *[
        (first_exchange, "bot_tree.exchanges", "exchange", value, "exchange_tree(...)")
        for value in ["binance", None, BINANCE, [VENUE], exchange_tree, ACTOR, DynamicSupervisorSpec("binance")]
    ],
    *[(bot, "bot_tree.beside", "beside", value, '[ActorSpec("strategy", Strategy)]') for value in [ACTOR, VENUE, None, 5, "x"]],
    (bot, "SupervisorSpec('bot').children", "beside", ["strategy"], "ActorSpec"),
    *[(bot, "bot_tree.intensity", "intensity", value, "Intensity(5, 10.0)") for value in [5, "5", (5, 10.0), Intensity, 0]],
]


@pytest.mark.parametrize(("build", "field", "argument", "value", "what_to_type"), WRONG)
def test_what_is_wrong_is_named_with_its_value_and_what_to_type(
    build: Callable[..., object], field: str, argument: str, value: Any, what_to_type: str
) -> None:
    with pytest.raises(SpecError) as caught:
        build(**{argument: value})
    given = value[0] if field == "feed" or field.startswith("SupervisorSpec") else value
    assert (caught.value.field, caught.value.value) == (field, given)
    assert str(caught.value).startswith(f"{field} is {given!r}; expected ")
    assert what_to_type in caught.value.expected


def test_the_time_that_a_report_counts_is_longer_than_the_beat_of_the_streams() -> None:
    slow = StreamOptions(beat=12.0)
    with pytest.raises(SpecError, match=r"health_ttl is 10.0; expected seconds above stream.beat=12.0.*health_ttl=120.0"):
        TreeOptions(stream=slow)
    assert TreeOptions(stream=slow, health_ttl=12.5)


def test_the_bounds_themselves_can_be_set() -> None:
    assert StreamOptions(silence={}, beat=1e-3, book_levels=1, bad_frames=1, bad_frames_within=1)
    assert TreeOptions(health_ttl=1.001)


def test_feeds_may_be_any_iterable_and_there_may_be_none() -> None:
    for feeds in ((), iter([BTC]), {BTC}, (feed for feed in [BTC])):
        assert exchange_tree(BINANCE, feeds)


@pytest.mark.parametrize("make", [trades, quotes, books])
@pytest.mark.parametrize("text", ["binance:btc/usdt", "binance:BTC/usdt", "binance:btc/USDT"])
def test_a_symbol_in_small_letters_is_an_error_that_says_what_to_type(make: Callable[[str], Topic[Any]], text: str) -> None:
    with pytest.raises(UnknownInstrument, match="type 'binance:BTC/USDT'"):
        make(text)
