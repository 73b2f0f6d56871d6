"""Books of recorded traffic against the quotes recorded beside them."""

from __future__ import annotations

import gzip
from bisect import bisect_right
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from actors.book import Desynchronised
from actors.market import BookDelta, BookSnapshot, Level, Quote
from tests.book.support import SYNCED, WAITING, sync


class WireDelta(BookDelta, frozen=True, kw_only=True):
    first_id: int = msgspec.field(name="U")
    last_id: int = msgspec.field(name="u")
    bids: list[Level] = msgspec.field(name="b")
    asks: list[Level] = msgspec.field(name="a")


class WireQuote(Quote, frozen=True, kw_only=True):
    update_id: int = msgspec.field(name="u")
    bid: Decimal = msgspec.field(name="b")
    bid_quantity: Decimal = msgspec.field(name="B")
    ask: Decimal = msgspec.field(name="a")
    ask_quantity: Decimal = msgspec.field(name="A")


class WireSnapshot(BookSnapshot, frozen=True, kw_only=True):
    last_id: int = msgspec.field(name="lastUpdateId")


class Combined(msgspec.Struct):
    stream: str
    data: msgspec.Raw


def replay(file: Path) -> Iterator[BookDelta | BookSnapshot | Quote]:
    with gzip.open(file) as lines:
        for line in lines:
            raw = line.split(b" ", 1)[1]
            if not raw.startswith(b'{"stream"'):
                yield msgspec.json.decode(raw, type=WireSnapshot)
                continue
            frame = msgspec.json.decode(raw, type=Combined)
            if frame.stream.endswith("@depth@100ms"):
                yield msgspec.json.decode(frame.data, type=WireDelta)
            elif frame.stream.endswith("@bookTicker"):
                yield msgspec.json.decode(frame.data, type=WireQuote)


@pytest.fixture
def traffic(recorded: Path) -> list[BookDelta | BookSnapshot | Quote]:
    return list(replay(recorded / "binance-btcusdt" / "spot_btcusdt_20240808.gz"))


@pytest.mark.slow
def test_the_top_of_a_recorded_book_is_always_what_the_exchange_quoted(
    traffic: list[BookDelta | BookSnapshot | Quote],
) -> None:
    quotes = [event for event in traffic if isinstance(event, Quote)]
    ids = [quote.update_id for quote in quotes]
    machine, compared, wrong = sync(), 0, []
    for event in traffic:
        if isinstance(event, BookSnapshot):
            machine.snapshot(event)
        elif isinstance(event, BookDelta):
            machine.delta(event)
            place = bisect_right(ids, machine.book.update_id)
            if machine.state is SYNCED and place:
                quote = quotes[place - 1]
                compared += 1
                if machine.book.top != ((quote.bid, quote.bid_quantity), (quote.ask, quote.ask_quantity)):
                    wrong.append((machine.book.update_id, machine.book.top, quote))
    assert (compared, wrong) == (3448, [])


@pytest.mark.slow
def test_recorded_traffic_with_a_hole_is_desynchronised_once_and_brought_back_by_a_snapshot(
    traffic: list[BookDelta | BookSnapshot | Quote],
) -> None:
    machine, lost, witness = sync(), [], sync()
    for count, event in enumerate(traffic):
        if isinstance(event, BookSnapshot):
            machine.snapshot(event)
            witness.snapshot(event)
        elif isinstance(event, BookDelta):
            witness.delta(event)
            if not 20_000 < count < 20_100:
                outcome = machine.delta(event)
                if isinstance(outcome, Desynchronised):
                    lost.append(outcome)
        if count == 20_500:
            view = witness.book.view(5000)
            assert machine.state is WAITING
            machine.snapshot(BookSnapshot(last_id=view.update_id, bids=list(view.bids), asks=list(view.asks)))
    assert len(lost) == 1
    assert machine.book.view(1000) == witness.book.view(1000)
