"""Real traffic of May 2022 through the OKX adapter: checksums are real there, and books have no ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import define, field

from actors.book import Applied, BookSync, DeltaOutcome, Desynchronised, LocalBook, SnapshotOutcome, Synced
from actors.exchanges.okx import Okx, OkxSession
from actors.market import BookDelta, BookSnapshot, Feed, InstrumentId, Subscription, Ticker24h, Trade
from actors.ports import Ack, Delivery, Frame

OKX = Okx.production()
BTC = OKX.instrument("BTC/USDT")
# A future and a perpetual: the adapter offers none, but their books are books, and prove the checksum.
RECORDED = (BTC, *(InstrumentId("okx", native, native) for native in ("BTC-USD-220527", "UNI-USD-SWAP")))


def payloads(recorded: Path) -> Iterator[bytes]:
    with (recorded / "okx" / "OKX.ws.1.0").open("rb") as lines:
        yield from (line.rstrip(b"\n").split(b": ", 1)[1] for line in lines if line[:1].isdigit())


def session_for(*instruments: InstrumentId) -> OkxSession:
    session = OKX.session()
    session.subscribe([Subscription(i, feed) for i in instruments for feed in (Feed.TRADES, Feed.BOOK, Feed.TICKER)])
    return session


@define
class Books:
    """What a consumer of the recording does with the books in it."""

    session: OkxSession = field(factory=lambda: session_for(*RECORDED))
    syncs: dict[str, BookSync] = field(
        factory=lambda: {i.native: BookSync(LocalBook(i), checksum=OKX.checksum) for i in RECORDED}
    )
    seen: Counter[str] = field(factory=Counter)
    lost: list[Desynchronised] = field(factory=list)

    def feed(self, payload: bytes) -> None:
        inbound = self.session.receive(Frame(payload, 0.0))
        if not isinstance(inbound, Delivery):
            return
        for event in inbound.events:
            sync = self.syncs[event.instrument.native]
            outcome: SnapshotOutcome | DeltaOutcome
            if isinstance(event, BookSnapshot):
                outcome = sync.replace(event)
            elif isinstance(event, BookDelta):
                assert event.checksum is not None
                outcome = sync.delta(event)
            else:
                continue
            self.seen[type(outcome).__name__] += 1
            if isinstance(outcome, Desynchronised):
                self.lost.append(outcome)
            else:
                assert isinstance(outcome, Applied | Synced) or self.lost


def test_all_recorded_frames_mean_something(recorded: Path) -> None:
    session, kinds = session_for(*RECORDED), Counter[str]()
    for payload in payloads(recorded):
        inbound = session.receive(Frame(payload, 7.5))
        found = inbound.events if isinstance(inbound, Delivery) else [inbound]
        for one in found:
            kinds[type(one).__name__] += 1
            if isinstance(one, Ack):
                assert one.request_id is None
                assert len(one.subscriptions) == 1
            elif isinstance(one, Trade | Ticker24h | BookDelta | BookSnapshot):
                assert one.received == 7.5

    assert kinds == {"Ack": 18, "Trade": 74, "Ticker24h": 28, "BookSnapshot": 3, "BookDelta": 287}
    assert kinds.total() == 410


def test_every_checksum_of_the_recording_is_that_of_our_book(recorded: Path) -> None:
    books = Books()
    for payload in payloads(recorded):
        books.feed(payload)
    assert books.seen == {"Synced": 3, "Applied": 287}


@pytest.mark.parametrize("place", range(4, 287, 40))
def test_a_flipped_digit_is_found(recorded: Path, place: int) -> None:
    books, updates = Books(), 0
    for payload in payloads(recorded):
        updates += b'"action":"update"' in payload
        flipped = flip(payload, books.syncs["BTC-USDT"].book) if updates >= place else None
        if flipped is not None:
            books.feed(flipped)
            assert [lost.reason for lost in books.lost] == ["a wrong checksum"]
            return
        books.feed(payload)
    raise AssertionError("no update after this place changes one of the best bids")


def flip(payload: bytes, book: LocalBook) -> bytes | None:
    """The quantity of its best bid with another last digit; None: that is none of the best 20 of the book."""
    head, _, rest = payload.partition(b'"bids":[["')
    price, _, row = rest.partition(b'","')
    quantity, _, tail = row.partition(b'"')
    best = [b"%s" % str(level[0]).encode() for level in book.best(20)[0]]
    if b'"BTC-USDT"' not in head or price not in best or quantity == b"0":
        return None
    digit = b"1" if quantity[-1:] != b"1" else b"2"
    return head + b'"bids":[["' + price + b'","' + quantity[:-1] + digit + b'"' + tail


def test_an_update_that_was_lost_is_found_by_the_next_checksum(recorded: Path) -> None:
    books, updates = Books(), Counter[bytes]()
    for payload in payloads(recorded):
        if b'"action":"update"' in payload and b'"BTC-USDT"' in payload:
            updates[b"BTC-USDT"] += 1
            if updates[b"BTC-USDT"] == 30:
                continue
        books.feed(payload)
    assert [lost.reason for lost in books.lost[:1]] == ["a wrong checksum"]


def test_recorded_trades_counted_by_one_in_2022(recorded: Path) -> None:
    session, last = session_for(BTC), 0
    for payload in payloads(recorded):
        inbound = session.receive(Frame(payload, 0.0))
        for event in inbound.events if isinstance(inbound, Delivery) else ():
            if isinstance(event, Trade):
                assert last in (0, event.id - 1)
                last = event.id
    assert last


def test_a_recorded_ticker_is_read_to_the_digit(recorded: Path) -> None:
    session = session_for(BTC)
    first = next(
        event
        for payload in payloads(recorded)
        if isinstance(inbound := session.receive(Frame(payload, 0.0)), Delivery)
        for event in inbound.events
        if isinstance(event, Ticker24h)
    )
    assert (first.last, first.bid, first.ask_quantity) == (Decimal(30236), Decimal("30228.6"), Decimal("1.55896972"))
    assert (first.volume, first.quote_volume) == (Decimal("17602.13085371"), Decimal("525802090.62716611"))
