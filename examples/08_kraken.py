"""An adapter: Kraken's public data. Its contract is checked, then it runs on a recording, or at Kraken with --live.

The guide docs/adapters.md explains it step by step.
"""

import math
import sys
import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import msgspec
from msgspec import Raw, Struct
from msgspec.structs import force_setattr

from actors import books, bot_tree, exchange_tree, quotes, trades
from actors.errors import BadFrame, ExchangeRefused, UnknownInstrument
from actors.exchanges.defaults import ExchangeDefaults
from actors.market import (
    BookDelta,
    BookSnapshot,
    Feed,
    InstrumentId,
    Level,
    MarketEvent,
    Quote,
    Subscription,
    Trade,
)
from actors.ports import (
    Ack,
    Delivery,
    Endpoint,
    FeedRule,
    Frame,
    Heartbeat,
    Inbound,
    Limits,
    Refusal,
    RestRequest,
    RestResponse,
    Role,
)
from actors.testing import RecordedExchange, exchange_contract, load_recording
from supervisor import Supervisor, Topic, open_supervisor


class KrakenTrade(Struct):
    symbol: str
    side: str
    price: Decimal
    qty: Decimal
    trade_id: int
    timestamp: datetime


class KrakenTicker(Struct):
    symbol: str
    bid: Decimal
    bid_qty: Decimal
    ask: Decimal
    ask_qty: Decimal


class KrakenLevel(Struct):
    price: Decimal
    qty: Decimal


class KrakenBook(Struct):
    symbol: str
    bids: list[KrakenLevel]
    asks: list[KrakenLevel]
    checksum: int


Data = KrakenTrade | KrakenTicker | KrakenBook


def to_trade(data: KrakenTrade) -> Trade:
    return Trade(
        id=data.trade_id,
        price=data.price,
        quantity=data.qty,
        buyer_is_maker=data.side == "sell",
        time_ms=int(data.timestamp.timestamp() * 1000),
    )


def to_quote(data: KrakenTicker) -> Quote:
    return Quote(
        update_id=0,
        bid=data.bid,
        bid_quantity=data.bid_qty,
        ask=data.ask,
        ask_quantity=data.ask_qty,
    )


def levels(side: list[KrakenLevel]) -> list[Level]:
    return [(level.price, level.qty) for level in side]


class BookNumbers:
    """Numbers the states of books, which Kraken does not."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def event(self, kind: str, data: KrakenBook, arrived: float) -> BookSnapshot | BookDelta:
        before = self._last.get(data.symbol, 0)
        now = self._last[data.symbol] = max(before + 1, int(arrived * 1e6))
        bids, asks = levels(data.bids), levels(data.asks)
        if kind == "snapshot":
            return BookSnapshot(last_id=now, bids=bids, asks=asks, checksum=data.checksum)
        return BookDelta(
            first_id=before + 1,
            last_id=now,
            previous_id=before,
            bids=bids,
            asks=asks,
            checksum=data.checksum,
        )


def book_checksum(bids: Sequence[Level], asks: Sequence[Level]) -> int:
    numbers = [number for side in (asks, bids) for level in side[:10] for number in level]
    digits = "".join(f"{number:f}".replace(".", "").lstrip("0") for number in numbers)
    return zlib.crc32(digits.encode())


DEPTH = 100
CHANNELS = {Feed.TRADES: "trade", Feed.QUOTES: "ticker", Feed.BOOK: "book"}
NUMBERS = {"trade": 1, "ticker": 2, "book": 3}
PARAMS: dict[str, dict[str, Any]] = {
    "trade": {},
    "ticker": {"event_trigger": "bbo"},
    "book": {"depth": DEPTH},
}


def request(method: str, channel: str, symbols: list[str]) -> str:
    params = {"channel": channel, "symbol": symbols, **PARAMS[channel]}
    frame = {"method": method, "params": params, "req_id": NUMBERS[channel]}
    return msgspec.json.encode(frame).decode()


class Result(Struct, frozen=True):
    channel: str = ""
    symbol: str = ""


class Message(Struct):
    """Any frame: data has a channel, an answer has a method."""

    channel: str = ""
    type: str = ""
    data: Raw = Raw(b"[]")
    method: str = ""
    success: bool = False
    result: Result = Result()
    symbol: str = ""
    error: str = ""
    req_id: int = 0


MESSAGE = msgspec.json.Decoder(Message)
DATA: dict[str, msgspec.json.Decoder[Any]] = {
    "trade": msgspec.json.Decoder(list[KrakenTrade]),
    "ticker": msgspec.json.Decoder(list[KrakenTicker]),
    "book": msgspec.json.Decoder(list[KrakenBook]),
}


class KrakenSession:
    """One connection: what to say, and what a frame means."""

    def __init__(self) -> None:
        self._wanted: dict[tuple[str, str], Subscription] = {}
        self._books = BookNumbers()

    def subscribe(self, subscriptions: Sequence[Subscription]) -> Sequence[str]:
        for one in subscriptions:
            self._wanted[CHANNELS[one.feed], one.instrument.native] = one
        return self._requests("subscribe", subscriptions)

    def unsubscribe(self, subscriptions: Sequence[Subscription]) -> Sequence[str]:
        for one in subscriptions:
            self._wanted.pop((CHANNELS[one.feed], one.instrument.native), None)
        return self._requests("unsubscribe", subscriptions)

    def _requests(self, method: str, subscriptions: Sequence[Subscription]) -> Sequence[str]:
        frames = []
        for feed, channel in CHANNELS.items():
            symbols = [one.instrument.native for one in subscriptions if one.feed is feed]
            if symbols:
                frames.append(request(method, channel, symbols))
        return frames

    def ping(self) -> str:
        return '{"method":"ping"}'

    def receive(self, frame: Frame) -> Inbound:
        try:
            message = MESSAGE.decode(frame.payload)
            if message.channel in DATA:
                return self._data(message, DATA[message.channel].decode(message.data), frame)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise BadFrame(str(error), frame.payload) from error
        if message.channel == "heartbeat" or message.method == "pong":
            return Heartbeat()
        return self._answer(message) if message.method == "subscribe" else None

    def _data(self, message: Message, data: list[Data], frame: Frame) -> Inbound:
        wanted = self._wanted.get((message.channel, data[0].symbol)) if data else None
        if wanted is None:
            return None
        events = [self._event(message.type, one, frame.arrived) for one in data]
        for event in events:
            force_setattr(event, "instrument", wanted.instrument)
            force_setattr(event, "received", frame.arrived)
        return Delivery(wanted, events)

    def _event(
        self,
        kind: str,
        data: Data,
        arrived: float,
    ) -> Trade | Quote | BookSnapshot | BookDelta:
        match data:
            case KrakenTrade():
                return to_trade(data)
            case KrakenTicker():
                return to_quote(data)
            case KrakenBook():
                return self._books.event(kind, data, arrived)

    def _answer(self, message: Message) -> Inbound:
        if message.success:
            confirmed = self._wanted.get((message.result.channel, message.result.symbol))
            return None if confirmed is None else Ack(message.req_id, (confirmed,))
        channels = [name for name, number in NUMBERS.items() if number == message.req_id]
        refused = [self._wanted.pop((name, message.symbol), None) for name in channels]
        names = tuple(one for one in refused if one is not None)
        return Refusal(message.req_id, names, 0, message.error)


RENAMED = {"XBT": "BTC", "XDG": "DOGE"}


class Pair(Struct):
    wsname: str = ""
    status: str = ""


class Pairs(Struct):
    result: dict[str, Pair]


class Errors(Struct):
    error: list[str] = []


class Kraken(ExchangeDefaults):
    """Kraken's public spot market."""

    venue = "kraken"
    limits = Limits(
        messages=10,
        messages_within=1.0,
        attempts=150,
        attempts_within=600.0,
        subscriptions=200,
        weight=15,
        weight_within=45.0,
        max_age=math.inf,
        client_ping=30.0,
    )
    feeds: Mapping[Feed, FeedRule] = {
        Feed.TRADES: FeedRule(numbered=True, pause=120.0),
        Feed.QUOTES: FeedRule(pause=30.0),
        Feed.BOOK: FeedRule(pause=30.0, levels=DEPTH),
    }
    endpoints = (
        Endpoint("stream-1", Role.STREAM, "wss://ws.kraken.com"),
        Endpoint("rest-1", Role.REST, "https://api.kraken.com"),
    )

    def stream_url(self, endpoint: Endpoint) -> str:
        return f"{endpoint.url}/v2"

    def session(self) -> KrakenSession:
        return KrakenSession()

    def instrument(self, canonical: str) -> InstrumentId:
        base, slash, quote = canonical.partition("/")
        if not (slash and base.isalnum() and quote.isalnum() and canonical.isupper()):
            raise UnknownInstrument(canonical, "expected 'BASE/QUOTE' in capitals: 'BTC/USD'")
        return InstrumentId(self.venue, canonical, canonical)

    def checksum(self, bids: Sequence[Level], asks: Sequence[Level]) -> int:
        return book_checksum(bids, asks)

    def symbols_request(self) -> RestRequest:
        return RestRequest("/0/public/AssetPairs")

    def parse_symbols(self, response: RestResponse) -> frozenset[str]:
        refused = self.refusal(response)
        if refused is not None:
            raise refused
        try:
            pairs = msgspec.json.decode(response.body, type=Pairs).result.values()
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise BadFrame(str(error), response.body) from error
        names = [pair.wsname.split("/") for pair in pairs if pair.status == "online"]
        return frozenset("/".join(RENAMED.get(part, part) for part in name) for name in names)

    def refusal(self, response: RestResponse) -> ExchangeRefused | None:
        if response.status != 200:
            return ExchangeRefused(response.status, 0, "not from the API", venue=self.venue)
        try:
            said = msgspec.json.decode(response.body, type=Errors).error
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None
        errors = [error for error in said if error.startswith("E")]
        if not errors:
            return None
        return ExchangeRefused(response.status, errors[0], "; ".join(errors), venue=self.venue)


MATIC = "kraken:MATIC/USD"
FEEDS: list[Topic[Any]] = [trades(MATIC), quotes(MATIC), books("kraken:BTC/USD")]


async def first(root: Supervisor, topic: Topic[Any]) -> None:
    async for event in root.subscription(topic):
        print(event)
        if isinstance(event, MarketEvent):  # no marker, such as Resumed
            return


async def watch(**where: Any) -> None:
    tree = bot_tree(exchange_tree(Kraken(), FEEDS, **where))
    async with open_supervisor(tree) as root, anyio.create_task_group() as group:
        for topic in FEEDS:
            group.start_soon(first, root, topic)


async def main() -> None:
    if "--live" in sys.argv:
        await watch()
        return
    recording = load_recording(Path(__file__).with_suffix(".txt"))
    exchange_contract(Kraken(), recording).check()
    print("Kraken's adapter keeps the contract")
    exchange = RecordedExchange(recording)
    async with anyio.create_task_group() as group:
        group.start_soon(exchange.run)
        await watch(transport=exchange.transport, open_rest=exchange.open_rest)
        group.cancel_scope.cancel()


if __name__ == "__main__":
    anyio.run(main, backend="trio")
