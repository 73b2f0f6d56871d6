"""An exchange that speaks Binance's protocol over the fakes in memory, the bot at it, and what its consumers saw.

The market is one step per `tick` and symbol: one trade, one quote and one book delta, with ids that count up by one, so that
every hole shows in the ids and every quote says what the top of the book is.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, nullcontext
from decimal import Decimal
from typing import Any

import anyio
import msgspec
from attrs import define, evolve, field

from actors.bot_tree import bot_tree
from actors.errors import ConnectFailed, ConnectionLost
from actors.exchange_tree import TreeOptions, exchange_tree
from actors.exchanges.binance import LIMITS, Binance
from actors.fallbacks.options import FallbackOptions
from actors.feeds import books, quotes, trades
from actors.link_state import LinkLimits
from actors.market import Feed, Marker
from actors.ports import FrameKind, Limits, RestRequest, RestResponse
from actors.resilience import BreakerConfig
from actors.stream_options import StreamOptions
from actors.transport import MemoryRest, MemoryServer, MemoryTransport
from supervisor import Backoff, ChildSpec, Event, RestartScheduled, Store, Supervisor, Topic, open_supervisor

SUFFIXES = {Feed.TRADES: "trade", Feed.QUOTES: "bookTicker", Feed.BOOK: "depth@100ms"}
STREAM_URLS = ("wss://one", "wss://two")
REST_URLS = ("https://one", "https://two")

PATIENCE = 300.0
"""Seconds of virtual time after which a test gives up waiting."""

STREAM = StreamOptions(
    silence={Feed.TRADES: 6.0, Feed.QUOTES: 3.0, Feed.BOOK: 3.0},
    beat=0.5,
    bad_frames=20,
    reconnect=Backoff(initial=0.25, maximum=2.0, reset_after=2.0),
)
NEVER = FallbackOptions(poll=False, cache_after=1e6)
"""What the stream does is to be seen alone: nothing is polled, and nothing stale is said."""
OPTIONS = TreeOptions(
    breaker=BreakerConfig(open_for=5.0, successes=1), stream=STREAM, links=LinkLimits(stable_after=3.0), fallbacks=NEVER
)


def stream_of(native: str, feed: Feed) -> str:
    return f"{native.lower()}@{SUFFIXES[feed]}"


def quantity_at(update_id: int) -> Decimal:
    """Of the best bid, which is all that ever changes."""
    return Decimal(update_id % 7 + 1)


@define(eq=False)
class Market:
    """One symbol."""

    native: str
    trade_id: int = 100
    update_id: int = 1000
    trades: deque[dict[str, Any]] = field(factory=lambda: deque(maxlen=20_000))
    """As REST tells of them."""
    bids: dict[Decimal, Decimal] = field(factory=lambda: {Decimal(100 - n): Decimal(1) for n in range(5)})
    asks: dict[Decimal, Decimal] = field(factory=lambda: {Decimal(101 + n): Decimal(1) for n in range(5)})

    def step(self) -> dict[Feed, dict[str, Any]]:
        self.trade_id += 1
        self.update_id += 1
        number = self.update_id
        price, quantity = Decimal(100), quantity_at(number)
        self.bids[price] = quantity
        ask = min(self.asks)
        top = {"u": number, "s": self.native, "b": "100", "B": str(quantity), "a": str(ask), "A": str(self.asks[ask])}
        told = {"id": self.trade_id, "price": "100", "qty": "1", "quoteQty": "100", "time": number, "isBuyerMaker": True}
        self.trades.append({**told, "isBestMatch": True})
        trade = {"e": "trade", "s": self.native, "t": self.trade_id, "p": "100", "q": "1", "T": number, "m": True}
        delta = {"e": "depthUpdate", "s": self.native, "U": number, "u": number, "b": [["100", str(quantity)]], "a": []}
        return {Feed.TRADES: trade, Feed.QUOTES: top, Feed.BOOK: delta}

    def depth(self, behind: int = 0) -> bytes:
        then = {**self.bids, Decimal(100): quantity_at(self.update_id - behind)}
        levels = {
            "bids": [[str(price), str(then[price])] for price in sorted(then, reverse=True)],
            "asks": [[str(price), str(self.asks[price])] for price in sorted(self.asks)],
        }
        return msgspec.json.encode({"lastUpdateId": self.update_id - behind, **levels})


@define(eq=False)
class Connection:
    """One connection, as the exchange sees it."""

    server: MemoryServer
    streams: set[str] = field(factory=set)
    deaf: bool = False
    half_open: bool = False
    """Nothing comes over it any more, and nobody says so."""
    received: list[tuple[float, FrameKind, Any]] = field(factory=list)
    """(when, kind, what) of every frame of the client."""

    @property
    def open(self) -> bool:
        return self.server.lost is None

    def asked(self, method: str) -> list[list[str]]:
        """The parameters of every such request."""
        texts = [what for _, kind, what in self.received if kind is FrameKind.TEXT]
        return [request["params"] for request in texts if request["method"] == method]


@define(eq=False)
class FakeExchange:
    """Plays the exchange."""

    symbols: Sequence[str] = ("BTCUSDT", "ETHUSDT")
    tick: float = 0.5
    limits: Limits = LIMITS
    ping_every: float = 20.0
    transport: MemoryTransport = field(factory=MemoryTransport)
    rest: MemoryRest = field(init=False)
    began: float = 0.0
    """The wall clock when the loop's clock was 0."""
    markets: dict[str, Market] = field(init=False)
    connections: list[Connection] = field(factory=list)
    muted: set[str] = field(factory=set)
    """Streams that are confirmed and deliver nothing."""
    refused: dict[str, str] = field(factory=dict)
    """{stream: why a request with it is refused}"""
    halted: set[str] = field(factory=set)
    """Symbols that are not in the list of what is traded now."""
    refused_once: set[str] = field(factory=set)
    """Streams of which the next request is refused."""
    unheard: int = 0
    """Of the next requests, so many get lost."""
    skip: Counter[str] = field(factory=Counter)
    """{stream: frames that get lost}"""
    deaf: bool = False
    """Connections that are made are confirmed and get no data, until it is False again; those that are open go on."""
    stalled: bool = False
    """Nothing is sent at all, answers excepted."""
    drops: str | None = None
    """Connections to addresses that begin so are accepted, and dropped before anything is sent."""
    stream_urls: Sequence[str] = STREAM_URLS
    behind: int = 0
    """How many updates a snapshot is behind."""
    answer: Callable[[RestRequest], RestResponse | None] | None = None
    """Answers instead, unless with None."""

    def __attrs_post_init__(self) -> None:
        self.rest = MemoryRest(self._answer)
        self.markets = {native: Market(native) for native in self.symbols}

    def binance(self) -> Binance:
        return Binance.at(stream_urls=self.stream_urls, rest_urls=REST_URLS, limits=self.limits)

    @property
    def open(self) -> list[Connection]:
        return [connection for connection in self.connections if connection.open]

    def of(self, native: str) -> Connection:
        """The open connection that has this symbol's streams."""
        (found,) = [one for one in self.open if any(name.startswith(native.lower() + "@") for name in one.streams)]
        return found

    def abort(self, *victims: Connection) -> None:
        """Without victims: all connections."""
        for connection in victims or self.open:
            connection.server.abort()

    def close(self) -> None:
        for connection in self.open:
            connection.server.close(1001, "going away")

    def announce_shutdown(self) -> None:
        for connection in self.open:
            send(connection, {"stream": "!serverShutdown", "data": {"e": "serverShutdown", "E": 1}})

    async def run(self) -> None:
        self.began = time.time() - anyio.current_time()
        async with anyio.create_task_group() as group:
            group.start_soon(self._trade)
            while True:
                server = await self.transport.accept()
                if self.drops is not None and server.url.startswith(self.drops):
                    server.abort()
                    continue
                connection = Connection(server, deaf=self.deaf)
                self.connections.append(connection)
                group.start_soon(self._serve, connection)
                group.start_soon(self._ping, connection)

    async def _trade(self) -> None:
        while True:
            await anyio.sleep(self.tick)
            for market in self.markets.values():
                for feed, event in market.step().items():
                    self._publish(stream_of(market.native, feed), event)

    def _publish(self, stream: str, event: dict[str, Any]) -> None:
        if self.skip[stream] > 0:
            self.skip[stream] -= 1
            return
        if self.stalled or stream in self.muted:
            return
        for connection in self.connections:
            if connection.open and stream in connection.streams and not (connection.deaf and self.deaf):
                send(connection, {"stream": stream, "data": event})

    async def _ping(self, connection: Connection) -> None:
        for number in itertools.count():
            await anyio.sleep(self.ping_every)
            if not connection.open or connection.half_open:
                return
            connection.server.ping(str(number).encode())

    async def _serve(self, connection: Connection) -> None:
        while True:
            try:
                frame = await connection.server.received()
            except ConnectionLost:
                return
            what = msgspec.json.decode(frame.payload) if frame.kind is FrameKind.TEXT else frame.payload
            connection.received.append((anyio.current_time(), frame.kind, what))
            if frame.kind is FrameKind.TEXT:
                self._obey(connection, what)

    def _obey(self, connection: Connection, request: dict[str, Any]) -> None:
        if self.unheard > 0:
            self.unheard -= 1
            return
        refused = [self.refused[name] for name in request["params"] if name in self.refused]
        once = self.refused_once.intersection(request["params"])
        self.refused_once -= once
        refused += [f"{name}: not now" for name in once]
        if refused:
            send(connection, {"error": {"code": 2, "msg": refused[0]}, "id": request["id"]})
            return
        change = connection.streams.update if request["method"] == "SUBSCRIBE" else connection.streams.difference_update
        change(request["params"])
        send(connection, {"result": None, "id": request["id"]})

    def _answer(self, base_url: str, request: RestRequest) -> RestResponse:
        special = None if self.answer is None else self.answer(request)
        if special is not None:
            return special
        if request.path.endswith("exchangeInfo"):
            listed = [{"symbol": native, "status": "TRADING"} for native in self.symbols if native not in self.halted]
            return RestResponse(200, msgspec.json.encode({"symbols": listed}))
        if request.path.endswith("/time"):
            now = round((self.began + anyio.current_time()) * 1000)
            return RestResponse(200, b'{"serverTime":%d}' % now)
        market = self.markets.get(request.params["symbol"])
        if market is None:
            return RestResponse(400, b'{"code":-1121,"msg":"Invalid symbol."}')
        if request.path.endswith(("/trades", "/historicalTrades")):
            first, limit = int(request.params.get("fromId", 0)), int(request.params.get("limit", 500))
            told = [trade for trade in market.trades if trade["id"] >= first] if first else list(market.trades)[-limit:]
            return RestResponse(200, msgspec.json.encode(told[:limit]))
        if request.path.endswith("bookTicker"):
            best = {"symbol": market.native, "bidPrice": "100", "bidQty": str(quantity_at(market.update_id))}
            return RestResponse(200, msgspec.json.encode({**best, "askPrice": "101", "askQty": "1"}))
        return RestResponse(200, market.depth(self.behind))


def send(connection: Connection, value: object) -> None:
    if connection.open and not connection.half_open:
        connection.server.send(msgspec.json.encode(value).decode())


def no_answer(request: RestRequest) -> RestResponse:
    raise ConnectFailed("https://one", "nobody answers")


@define(eq=False)
class Bot:
    """A running tree, and all that its consumers saw."""

    exchange: FakeExchange
    root: Supervisor
    topics: Sequence[Topic[Any]]
    events: list[Event]
    seen: dict[str, list[Any]] = field(factory=dict)
    """{topic: everything that came on it}"""

    @property
    def venue(self) -> Supervisor:
        return self.root.supervisor("binance")

    @property
    def streams(self) -> Supervisor:
        return self.venue.supervisor("streams").supervisor("streams")

    @property
    def workers(self) -> Supervisor:
        return self.venue.supervisor("recovery").supervisor("workers")

    @property
    def restarts(self) -> Counter[str]:
        return Counter(event.path for event in self.events if isinstance(event, RestartScheduled))

    def data(self, topic: Topic[Any]) -> list[Any]:
        return [event for event in self.seen[topic.key] if not isinstance(event, Marker)]

    def markers(self, topic: Topic[Any]) -> list[Any]:
        return [event for event in self.seen[topic.key] if isinstance(event, Marker)]

    def words(self, topic: Topic[Any]) -> list[str]:
        """What came on a topic, by kind; runs of data count once."""
        kinds = [type(event).__name__ if isinstance(event, Marker) else "data" for event in self.seen[topic.key]]
        return [kind for kind, _ in itertools.groupby(kinds)]

    def follow(self, *topics: Topic[Any]) -> None:
        """Keep what comes on other topics too."""
        for topic in topics:
            self._group.start_soon(self._follow, self.root.subscription(topic), self.seen.setdefault(topic.key, []))

    def forget(self) -> None:
        """What was seen until now does not matter."""
        for seen in self.seen.values():
            seen.clear()

    async def delivers(self, *topics: Topic[Any], within: float = PATIENCE) -> None:
        """Wait until each topic has delivered new data."""
        topics = topics or tuple(self.topics)
        before = {topic.key: len(self.data(topic)) for topic in topics}
        await until(lambda: all(len(self.data(topic)) > before[topic.key] for topic in topics), within)

    _group: Any = None

    async def _follow(self, subscription: Any, seen: list[Any]) -> None:
        async for event in subscription:
            seen.append(event)  # noqa: PERF401  # it never ends: others read what is there


async def until(condition: Callable[[], object], within: float = PATIENCE) -> None:
    """Wait, in virtual time, until the condition holds."""
    deadline = anyio.current_time() + within
    while not condition():
        assert anyio.current_time() < deadline, f"it did not come true within {within:g} s"
        await anyio.sleep(0.05)


def all_feeds(*symbols: str) -> list[Topic[Any]]:
    return [make(f"binance:{symbol}") for symbol in symbols for make in (trades, quotes, books)]


@asynccontextmanager
async def running(
    exchange: FakeExchange | None = None,
    *,
    feeds: Iterable[Topic[Any]] | None = None,
    options: TreeOptions = OPTIONS,
    beside: Iterable[ChildSpec] = (),
    wait: bool = True,
    store: Store | None = None,
) -> AsyncIterator[Bot]:
    """A bot at an exchange; entered when every feed delivers. Afterwards no connection may be open.

    With a `store` it is a process that recalls what the one before it remembered there.
    """
    exchange = exchange or FakeExchange()
    topics = all_feeds("BTC/USDT", "ETH/USDT") if feeds is None else list(feeds)
    spec = exchange_tree(
        exchange.binance(), topics, transport=exchange.transport, open_rest=lambda: nullcontext(exchange.rest), options=options
    )
    events: list[Event] = []
    async with anyio.create_task_group() as group:
        group.start_soon(exchange.run)
        bot_spec = evolve(bot_tree(spec, beside=beside), store=store)
        async with open_supervisor(bot_spec, sinks=[events.append], deadline=30.0) as root:
            bot = Bot(exchange, root, topics, events)
            bot._group = group
            bot.follow(*topics)
            if wait:
                await until(lambda: all(bot.data(topic) for topic in topics))
                await anyio.sleep(2.1)  # everything has been reported to everybody, and the connection counts as stable
            yield bot
        assert not exchange.open, "a connection is left open"
        group.cancel_scope.cancel()
