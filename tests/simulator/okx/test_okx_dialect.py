"""The simulator's OKX dialect, without sockets: what it says is what our adapter, and the market, say."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from attrs import define, field

from actors.book import Applied, BookSync, Desynchronised, LocalBook, Synced
from actors.exchanges.okx import Okx, OkxSession
from actors.market import BookDelta, BookSnapshot, Feed, MarketEvent, Quote, Subscription, Ticker24h, Trade
from actors.ports import Ack, Delivery, Frame, Refusal, RestResponse
from actors.simulator import command
from actors.simulator.answers import HttpAnswer
from actors.simulator.config import SimulatorConfig, WrongConfig
from actors.simulator.dialect import Refusal as Refused
from actors.simulator.dialect import Wanted
from actors.simulator.effects import Damage
from actors.simulator.okx import OkxDialect
from actors.simulator.okx.requests import LARGEST_REQUEST, OkxRequests
from actors.simulator.symbols import parse_symbol
from actors.simulator.synthetic import SyntheticMarket

OKX = Okx.production()
BTC, ETH = OKX.instrument("BTC/USDT"), OKX.instrument("ETH/USDT")
BOOKS = "books:BTC-USDT"


def market(seed: int = 1) -> SyntheticMarket:
    return SyntheticMarket([s for s in map(parse_symbol, ("BTC/USDT", "ETH/USDT")) if s], seed, 1_790_000_000_000)


@define
class Exchange:
    """A market in OKX's words, and one client of ours."""

    checksums: bool = False
    refused: dict[str, Refused] = field(factory=dict)
    market: SyntheticMarket = field(factory=market)
    dialect: OkxDialect = field(init=False)
    requests: OkxRequests = field(init=False)
    session: OkxSession = field(factory=OKX.session)
    messages: Iterator[Any] = field(init=False)
    wanted: Wanted = field(factory=Wanted)

    def __attrs_post_init__(self) -> None:
        self.dialect = OkxDialect(self.market, lambda: self.market.epoch_ms, 100, self.checksums)
        requests = self.dialect.session("/ws/v5/public", {}, self.refused)
        assert requests is not None
        self.requests = requests
        self.messages = self.market.messages()

    def say(self, *frames: str) -> list[object]:
        """What the client hears back, in order, and what its subscriptions begin with."""
        heard: list[object] = []
        for frame in frames:
            answer = self.requests.answer(frame.encode())
            payloads = (answer.reply, *answer.more, *(data for _, data in answer.first))
            heard += [self.session.receive(Frame(payload, 0.0)) for payload in payloads]
        self.wanted = Wanted(frozenset(self.requests.streams), self.wanted.changes + 1)
        return heard

    def subscribe(self, *subscriptions: Subscription) -> list[object]:
        return self.say(*self.session.subscribe(subscriptions))

    def play(self, count: int, damage: Damage | None = None) -> Iterator[MarketEvent]:
        """The events of so many of the market's messages."""
        for message in itertools.islice(self.messages, count):
            for stream, data in self.dialect.frames(message, self.wanted):
                passed = data if damage is None else damage.passes(stream, data)
                inbound = None if passed is None else self.session.receive(Frame(passed, message.time))
                if isinstance(inbound, Delivery):
                    yield from inbound.events

    def rest(self, target: str, now: float = 0.0) -> RestResponse:
        answer: HttpAnswer = self.dialect.rest(target, now)
        return RestResponse(answer.status, answer.body)


def feeds(*wanted: Feed) -> list[Subscription]:
    return [Subscription(instrument, feed) for instrument in (BTC, ETH) for feed in wanted]


def events_of(heard: list[object]) -> list[MarketEvent]:
    return [event for one in heard if isinstance(one, Delivery) for event in one.events]


@pytest.mark.parametrize("checksums", [False, True], ids=["as today", "with checksums"])
def test_books_are_in_step_with_what_rest_says_at_every_update(checksums: bool) -> None:
    exchange, sync = Exchange(checksums), BookSync(LocalBook(BTC, 400), checksum=OKX.checksum)
    (snapshot,) = events_of(exchange.subscribe(Subscription(BTC, Feed.BOOK)))
    assert isinstance(snapshot, BookSnapshot)
    assert (snapshot.checksum is not None) is checksums
    assert isinstance(sync.replace(snapshot), Synced)
    updates = 0
    for event in exchange.play(2500):
        assert isinstance(event, BookDelta)
        assert isinstance(sync.delta(event), Applied)
        updates += 1
        if updates % 20 == 0:
            now = OKX.parse_snapshot(BTC, exchange.rest("/api/v5/market/books?instId=BTC-USDT&sz=400", updates))
            assert (sync.book.update_id, sync.book.levels) == (now.last_id, (400, 400))
            assert sync.book.best(400) == (tuple(now.bids), tuple(now.asks))
    assert updates > 100


def test_the_top_of_the_book_is_what_the_last_quote_with_an_id_up_to_its_own_said() -> None:
    exchange, sync, quotes = Exchange(), BookSync(LocalBook(BTC, 400)), dict[int, Quote]()
    compared = 0
    for event in itertools.chain(
        events_of(exchange.subscribe(*(Subscription(BTC, feed) for feed in (Feed.BOOK, Feed.QUOTES)))), exchange.play(1500)
    ):
        if isinstance(event, Quote):
            quotes[event.update_id] = event
        elif isinstance(event, BookSnapshot):
            sync.replace(event)
        elif isinstance(event, BookDelta):
            sync.delta(event)
            quote = quotes[max(number for number in quotes if number <= event.last_id)]
            assert sync.book.top == ((quote.bid, quote.bid_quantity), (quote.ask, quote.ask_quantity))
            compared += 1
    assert compared > 50


def test_a_book_that_is_subscribed_later_begins_where_its_updates_go_on() -> None:
    exchange = Exchange()
    assert not list(exchange.play(500))
    (snapshot,) = events_of(exchange.subscribe(Subscription(BTC, Feed.BOOK)))
    update = next(exchange.play(500))
    assert isinstance(update, BookDelta)
    assert update.previous_id == snapshot.sequence


def test_a_trade_is_all_matches_of_one_order_and_the_latest_one_comes_first() -> None:
    exchange = Exchange()
    (latest,) = events_of(exchange.subscribe(Subscription(BTC, Feed.TRADES)))
    ids = [latest.sequence, *(event.sequence for event in exchange.play(3000) if isinstance(event, Trade))]
    steps = {after - before for before, after in itertools.pairwise(ids)}
    assert len(ids) > 100
    assert steps == {1, 2}


def test_what_is_subscribed_twice_begins_with_the_same_trade() -> None:
    exchange = Exchange()
    trades = Subscription(BTC, Feed.TRADES)
    exchange.subscribe(trades)
    last = [event.sequence for event in exchange.play(500)][-1]
    exchange.say(*exchange.session.unsubscribe([trades]))
    answer = exchange.requests.answer(exchange.session.subscribe([trades])[0].encode())
    assert f'"tradeId":"{last}"'.encode() in answer.first[0][1]


def test_tickers_say_what_rest_says() -> None:
    exchange = Exchange()
    exchange.subscribe(Subscription(BTC, Feed.TICKER))
    ticker = [event for event in exchange.play(400) if isinstance(event, Ticker24h)][-1]
    (polled,) = OKX.parse_poll(Subscription(BTC, Feed.TICKER), exchange.rest("/api/v5/market/ticker?instId=BTC-USDT"))
    assert isinstance(polled, Ticker24h)
    assert (ticker.open, ticker.high, ticker.low) == (polled.open, polled.high, polled.low)


def test_polled_trades_are_single_matches_with_the_ids_of_the_stream() -> None:
    exchange = Exchange()
    exchange.subscribe(Subscription(BTC, Feed.TRADES))
    heard = [event.sequence for event in exchange.play(800)]
    events = OKX.parse_poll(Subscription(BTC, Feed.TRADES), exchange.rest("/api/v5/market/trades?instId=BTC-USDT&limit=500"))
    polled = [event.sequence for event in events]
    assert polled == list(range(polled[0], polled[-1] + 1))
    assert set(heard) <= set(polled)


def test_a_lost_update_is_a_gap_and_a_falsified_one_a_wrong_checksum() -> None:
    reasons = []
    for injure in (Damage.gap, Damage.miscount):
        exchange, sync, damage = Exchange(checksums=True), BookSync(LocalBook(BTC), checksum=OKX.checksum), Damage()
        (snapshot,) = events_of(exchange.subscribe(Subscription(BTC, Feed.BOOK)))
        assert isinstance(snapshot, BookSnapshot)
        sync.replace(snapshot)
        injure(damage, BOOKS, 1)
        outcomes = [sync.delta(event) for event in exchange.play(200, damage) if isinstance(event, BookDelta)]
        reasons += [outcome.reason for outcome in outcomes if isinstance(outcome, Desynchronised)]
    assert reasons == ["a gap", "a wrong checksum"]


def test_a_falsified_checksum_is_noticed_though_real_ones_are_absent() -> None:
    exchange, damage = Exchange(), Damage()
    exchange.subscribe(Subscription(BTC, Feed.BOOK))
    damage.miscount(BOOKS, 1)
    sums = [event.checksum for event in exchange.play(200, damage) if isinstance(event, BookDelta)]
    assert (sums[0] is None, set(sums[1:])) == (False, {None})


# Requests


def test_each_channel_of_a_request_is_confirmed_before_anything_comes() -> None:
    heard = Exchange().subscribe(*feeds(Feed.TRADES, Feed.BOOK))
    assert [type(one) for one in heard] == [Ack] * 4 + [Delivery] * 4


def test_an_instrument_that_does_not_exist_is_refused_alone() -> None:
    nope = Subscription(OKX.instrument("NOPE/USDT"), Feed.TRADES)
    heard = Exchange().subscribe(nope, Subscription(BTC, Feed.TRADES))
    refusal, ack = heard[0], heard[1]
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.subscriptions) == (60018, (nope,))
    assert ack == Ack(1, (Subscription(BTC, Feed.TRADES),))


def test_what_was_ordered_to_be_refused_is_refused() -> None:
    exchange = Exchange(refused={BOOKS: Refused(60018, "Not today.")})
    (refusal,) = exchange.subscribe(Subscription(BTC, Feed.BOOK))
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.subscriptions) == (60018, (Subscription(BTC, Feed.BOOK),))


def test_what_is_given_up_is_confirmed_and_stops() -> None:
    exchange, trades = Exchange(), Subscription(BTC, Feed.TRADES)
    exchange.subscribe(trades)
    assert exchange.say(*exchange.session.unsubscribe([trades])) == [Ack(2, ())]
    assert not list(exchange.play(300))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"{", "60012"),
        (b"[]", "60012"),
        (b'{"op":"subscribe"}', "60012"),
        (b'{"op":"subscribe","args":[]}', "60012"),
        (b'{"op":"fly","args":[{"channel":"books","instId":"BTC-USDT"}]}', "60012"),
        (b'{"id":"a b","op":"subscribe","args":[{"channel":"books","instId":"BTC-USDT"}]}', "60012"),
        (b'{"op":"subscribe","args":[{"channel":"books"}]}', "60013"),
        (b'{"op":"subscribe","args":[7]}', "60013"),
        (b'{"op":"subscribe","args":[{"channel":"candle1m","instId":"BTC-USDT"}]}', "60018"),
        (b'{"op":"subscribe","args":["' + b"x" * LARGEST_REQUEST + b'"]}', "60012"),
    ],
    ids=[
        "cut off",
        "no object",
        "no args",
        "empty",
        "unknown",
        "bad id",
        "no instrument",
        "no channel",
        "elsewhere",
        "too long",
    ],
)
def test_what_is_no_request_is_refused_with_a_code(text: bytes, code: str) -> None:
    answer = msgspec.json.decode(Exchange().requests.answer(text).reply)
    assert (answer["event"], answer["code"]) == ("error", code)


def test_more_channels_than_the_limit_are_refused() -> None:
    requests = OkxRequests(frozenset({"books:A-B", "trades:A-B"}), 1, {}, lambda _stream: None)
    arguments = [{"channel": channel, "instId": "A-B"} for channel in ("books", "trades")]
    answer = requests.answer(msgspec.json.encode({"op": "subscribe", "args": arguments}))
    assert (answer.added, b"60014" in answer.more[0]) == (("books:A-B",), True)


def test_nothing_is_served_at_another_address() -> None:
    assert Exchange().dialect.session("/ws/v5/business", {}, {}) is None


def test_the_announcement_of_an_upgrade_is_understood() -> None:
    _, data = Exchange().dialect.shutdown_event(0)
    assert type(OKX.session().receive(Frame(data, 0.0))).__name__ == "ShutdownNotice"


# REST


def test_instruments_and_clock_are_told() -> None:
    exchange = Exchange()
    assert OKX.parse_symbols(exchange.rest("/api/v5/public/instruments?instType=SPOT")) == {"BTC-USDT", "ETH-USDT"}
    assert OKX.parse_time(exchange.rest("/api/v5/public/time")) == 1_790_000_000_000


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("/api/v5/market/books?instId=NO-USDT", 200, 51001),
        ("/api/v5/market/books", 200, 50014),
        ("/api/v5/market/books?instId=BTC-USDT&sz=0", 200, 51000),
        ("/api/v5/market/trades?instId=BTC-USDT&limit=x", 200, 51000),
        ("/api/v5/public/instruments?instType=SWAP", 200, 51000),
        ("/api/v3/time", 404, 0),
    ],
)
def test_an_error_has_a_code_and_status_200(target: str, status: int, code: int) -> None:
    refused = OKX.refusal(Exchange().rest(target))
    assert refused is not None
    assert (refused.status, refused.exchange_code) == (status, code)


def test_a_path_that_is_asked_too_often_is_refused_for_two_seconds_and_others_are_not() -> None:
    exchange = Exchange()
    statuses = [exchange.rest("/api/v5/public/time", 100.0 + n / 10).status for n in range(12)]
    assert statuses == [200] * 10 + [429] * 2
    assert exchange.rest("/api/v5/public/instruments?instType=SPOT", 101.2).status == 200
    assert exchange.rest("/api/v5/public/time", 102.1).status == 200


def test_a_banned_client_is_told_in_okx_s_words() -> None:
    answer = Exchange().dialect.ban_answer(429, 0, 5)
    refused = OKX.refusal(RestResponse(answer.status, answer.body))
    assert refused is not None
    assert refused.exchange_code == 50011


# Configuration


def test_limits_that_are_left_at_binance_s_become_okx_s() -> None:
    config = SimulatorConfig(dialect="okx", message_limit=7)
    assert (config.message_limit, config.message_window, config.attempt_limit, config.silence_limit) == (7, 3600.0, 3, 30.0)
    assert msgspec.json.decode(msgspec.json.encode(config), type=SimulatorConfig) == config


def test_a_recording_is_not_played_in_okx_s_words() -> None:
    with pytest.raises(WrongConfig, match="a recording is Binance's"):
        SimulatorConfig(dialect="okx", replay="recording.gz")


def test_the_command_speaks_it_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[SimulatorConfig] = []

    def run(config: SimulatorConfig, **_: object) -> int:
        ran.append(config)
        return 0

    monkeypatch.setattr(command, "run_simulator", run)
    assert command.simulate(dialect="okx") == 0
    assert [config.dialect for config in ran] == ["okx"]
