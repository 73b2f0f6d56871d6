"""Real traffic through the adapter."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from actors.exchanges.binance import Binance, BinanceSession
from actors.market import BookDelta, BookSnapshot, Feed, InstrumentId, MarketEvent, Quote, Subscription, Trade
from actors.ports import Delivery, Frame, Inbound, RestResponse

BINANCE = Binance.testnet()


def events(session: BinanceSession, payloads: Iterator[bytes]) -> Iterator[Inbound | MarketEvent]:
    for payload in payloads:
        inbound = session.receive(Frame(payload, 0.0))
        yield inbound.events[0] if isinstance(inbound, Delivery) else inbound


def session_for(*instruments: InstrumentId) -> BinanceSession:
    session = BINANCE.session()
    session.subscribe([Subscription(i, feed) for i in instruments for feed in (Feed.TRADES, Feed.QUOTES, Feed.BOOK)])
    return session


def btcusdt(recorded: Path) -> Iterator[bytes]:
    with gzip.open(recorded / "binance-btcusdt" / "spot_btcusdt_20240808.gz") as lines:
        yield from (line.split(b" ", 1)[1] for line in lines)


def multi(recorded: Path) -> Iterator[bytes]:
    with (recorded / "binance-multi" / "BINANCE.ws.1.0").open("rb") as lines:
        yield from (line.split(b": ", 1)[1] for line in lines if line[:1].isdigit())


def test_every_frame_of_the_long_recording_is_decoded(recorded: Path) -> None:
    kinds: Counter[type | None] = Counter()
    for event in events(session_for(BINANCE.instrument("BTC/USDT")), btcusdt(recorded)):
        kinds[next((t for t in (Trade, Quote, BookDelta) if isinstance(event, t)), None)] += 1

    assert kinds == {Quote: 28_040, Trade: 9_757, BookDelta: 3_451, None: 1}


def test_the_recorded_ids_follow_each_other(recorded: Path) -> None:
    last_book = last_trade = 0
    for event in events(session_for(BINANCE.instrument("BTC/USDT")), btcusdt(recorded)):
        match event:
            case BookDelta(first_id=first, last_id=last):
                assert last_book in (0, first - 1)
                last_book = last
            case Trade(id=trade):
                assert last_trade in (0, trade - 1)
                last_trade = trade
            case _:
                pass


def test_every_frame_of_four_symbols_is_decoded_and_unknown_streams_are_nothing(recorded: Path) -> None:
    names = ("NKN/USDT", "BLZ/ETH", "LRC/BTC", "RUNE/EUR")
    instruments = [BINANCE.instrument(name) for name in names]
    seen: Counter[tuple[str, str]] = Counter()
    for payload, event in zip(multi(recorded), events(session_for(*instruments), multi(recorded)), strict=True):
        stream = payload.split(b'"', 4)[3].decode()
        feed = stream.partition("@")[2]
        seen[feed, type(event).__name__] += 1
        if isinstance(event, Quote | BookDelta):
            assert event.instrument.native.lower() == stream.partition("@")[0]

    assert {kind for _, kind in seen} == {"BinanceQuote", "BinanceBookDelta", "NoneType"}
    assert all((kind == "NoneType") == (feed in ("kline_1m", "aggTrade")) for feed, kind in seen)
    assert seen.total() == 265


def test_recorded_answers_are_parsed(recorded: Path) -> None:
    folder = recorded / "binance-multi"
    with gzip.open(folder / "exchangeInfo.raw.gz") as lines:
        info = next(lines).split(b": ", 1)[1]
    symbols = BINANCE.parse_symbols(RestResponse(200, info))
    with gzip.open(folder / "BINANCE.http.0.0.gz") as lines:
        bodies = [line.split(b": ", 1)[1] for line in lines if b"/depth?" in line]
    books = [BINANCE.parse_snapshot(BINANCE.instrument("NKN/USDT"), RestResponse(200, body)) for body in bodies]

    assert {"BTCUSDT", "NKNUSDT", "RUNEEUR"} <= symbols
    assert len(books) == 4
    assert all(isinstance(book, BookSnapshot) and book.bids[0] < book.asks[0] for book in books)
