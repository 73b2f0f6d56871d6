"""What is measured on: recorded frames of Binance where they are, generated ones where they are not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec
from attrs import frozen

from actors.exchanges.binance import Binance
from actors.exchanges.binance.rest import parse_depth
from actors.exchanges.binance.streams import decoder_of
from actors.market import BookDelta, BookSnapshot, Feed
from actors.ports import RestResponse
from actors.simulator import wire
from actors.simulator.market import Depth
from actors.simulator.recording import RecordedFrame, Recording
from actors.simulator.symbols import parse_symbol
from actors.simulator.synthetic import SyntheticMarket

__all__ = ["SYMBOL", "Traffic", "generated", "recorded", "traffic"]

SYMBOL = "BTC/USDT"
GENERATED = 60_000
"""Messages drawn from the synthetic market: ten minutes of one symbol."""
RECORDING = Path("binance-btcusdt/spot_btcusdt_20240808.gz")
STREAMS = {"trade": "btcusdt@trade", "bookTicker": "btcusdt@bookTicker", "depth": "btcusdt@depth@100ms"}


@frozen
class Traffic:
    """What came, or could have come, over one connection, in order."""

    origin: str
    frames: Sequence[tuple[str, bytes]]
    """(stream, JSON of the event); what the envelope adds is added by `payloads`."""
    snapshot: Depth

    def payloads(self, *kinds: str) -> list[bytes]:
        """The text frames of these streams as they are on the wire, in order of their arrival."""
        wanted = {STREAMS[kind] for kind in kinds}
        return [wire.combined(stream, data) for stream, data in self.frames if stream in wanted]

    def deltas(self) -> list[BookDelta]:
        """The book's updates, decoded."""
        decode = decoder_of(Feed.BOOK)
        found = [decode(msgspec.Raw(data)) for stream, data in self.frames if stream == STREAMS["depth"]]
        return [delta for delta in found if isinstance(delta, BookDelta)]

    def book(self) -> BookSnapshot:
        """The snapshot that belongs to the updates, decoded."""
        instrument = Binance.production().instrument(SYMBOL)
        return parse_depth(instrument, RestResponse(200, wire.depth_body(self.snapshot)))


def traffic(data: Path) -> Traffic:
    """Recorded traffic if it is in this folder, otherwise generated."""
    path = data / RECORDING
    return recorded(path) if path.is_file() else generated()


def recorded(path: Path) -> Traffic:
    """A recording of BTCUSDT with one snapshot in it."""
    frames, snapshot = [], None
    for line in Recording(path).read():
        if isinstance(line, RecordedFrame):
            frames.append((line.stream, line.data))
        else:
            snapshot = Depth(line.last_id, line.bids, line.asks)
    if snapshot is None:
        raise ValueError(f"{path} has no snapshot of the book")
    return Traffic("recorded", frames, snapshot)


def generated(messages: int = GENERATED) -> Traffic:
    """The simulator's market, without the simulator; the same each time."""
    symbol = parse_symbol(SYMBOL)
    if symbol is None:
        raise AssertionError(f"{SYMBOL} is a symbol")
    market = SyntheticMarket([symbol], seed=1, epoch_ms=1_700_000_000_000)
    snapshot = market.depth(symbol.native, 5000)
    if snapshot is None:
        raise AssertionError("a synthetic market always knows its book")
    drawn: Iterator[tuple[str, bytes]] = ((message.stream, message.data) for message in market.messages())
    return Traffic("generated", list(islice(drawn, messages)), snapshot)
