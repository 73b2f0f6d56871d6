"""A bot at a simulated exchange over real sockets, and all that its consumers saw.

Nothing here depends on how fast the machine is: what is waited for is waited for as long as it takes (`PATIENCE`), and what is
asserted is what was seen, in which order, and what the exchange counted.
"""

from __future__ import annotations

import ssl
from bisect import bisect_right
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import anyio
from attrs import define, evolve, field
from msgspec import structs

from actors.bot_tree import bot_tree
from actors.exchange_tree import TreeOptions, exchange_tree
from actors.exchanges.binance import LIMITS, Binance
from actors.fallbacks.options import FallbackOptions
from actors.feeds import books, quotes, trades
from actors.link_state import LinkLimits
from actors.market import Book, Disconnected, Gap, Marker, Quote
from actors.ports import Channel, Exchange
from actors.resilience import BreakerConfig
from actors.simulator import Control, Started
from actors.simulator.status import ConnectionStatus, Status
from actors.stream_options import StreamOptions
from actors.transport import HttpRest, WebSocketTransport
from supervisor import Backoff, ChildSpec, Event, RestartScheduled, Store, Supervisor, Topic, open_supervisor
from tests.simulator.support import only_the_first_error, simulator

PATIENCE = 60.0
"""Seconds after which a test is stuck: far more than the slowest machine needs."""
LOOK_EVERY = 0.01

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""The simulator has none; to load the certificates of the world takes longer than what is asked."""

STREAM = StreamOptions(
    beat=0.1,
    fill_within=PATIENCE,
    settle_within=PATIENCE,
    reconnect=Backoff(initial=0.1, maximum=0.4, reset_after=0.2),
)
"""Silence is as by default: nothing is found silent within a test, unless the test says otherwise."""
NEVER = FallbackOptions(poll_after=1e6, cache_after=1e6)
"""What a stream does is to be seen alone: nothing is polled, and nothing stale is said."""
OPTIONS = TreeOptions(
    breaker=BreakerConfig(open_for=0.2, open_maximum=0.4, successes=1),
    stream=STREAM,
    links=LinkLimits(flapping=500, storm=600, losses=1_000, refusals=1_000, stable_after=0.5),
    fallbacks=NEVER,
)
"""In seconds what is minutes by default. However often a link is lost, it has not failed."""

BTC, ETH, SOL = "BTC/USDT", "ETH/USDT", "SOL/USDT"


def the(make: Callable[[str], Topic[Any]], symbol: str) -> Topic[Any]:
    """`the(trades, BTC)`."""
    return make(f"binance:{symbol}")


def feeds_of(*symbols: str) -> list[Topic[Any]]:
    """Trades, quotes and book of each."""
    return [the(make, symbol) for symbol in symbols for make in (trades, quotes, books)]


def binance_at(started: Started, *, depth_limit: int = 1000, **limits: Any) -> Binance:
    """The adapter for this simulator; `limits` replaces some of Binance's."""
    return Binance.at(
        stream_urls=started.stream_urls,
        rest_urls=started.rest_urls,
        depth_limit=depth_limit,
        limits=structs.replace(LIMITS, **limits),
    )


def streaming(options: TreeOptions = OPTIONS, **changes: Any) -> TreeOptions:
    """The same options but for these of every stream."""
    return evolve(options, stream=evolve(options.stream, **changes))


@define(eq=False)
class Dialling:
    """A transport that notes when it was asked to connect, and what came of it."""

    transport: WebSocketTransport = field(factory=WebSocketTransport)
    dials: list[tuple[float, str]] = field(factory=list)
    """(when, where) of every attempt"""
    opened: list[float] = field(factory=list)
    """When connections were open. The ConnectionManager's probes of an endpoint that failed are among them."""

    async def connect(self, url: str) -> Channel:
        self.dials.append((anyio.current_time(), url))
        channel = await self.transport.connect(url)
        self.opened.append(anyio.current_time())
        return channel


@define(eq=False)
class Bot:
    """A running tree at a running simulator."""

    started: Started
    control: Control
    root: Supervisor
    topics: Sequence[Topic[Any]]
    dialling: Dialling
    events: list[Event]
    """What the framework tells of the tree."""
    seen: dict[str, list[Any]] = field(factory=dict)
    """{topic: everything that came on it}"""
    _group: Any = None

    @property
    def venue(self) -> Supervisor:
        return self.root.supervisor("binance")

    @property
    def streams(self) -> Supervisor:
        return self.venue.supervisor("streams").supervisor("streams")

    @property
    def restarts(self) -> Counter[str]:
        return Counter(event.path for event in self.events if isinstance(event, RestartScheduled))

    # ---- what its consumers saw

    def all(self, topic: Topic[Any]) -> list[Any]:
        return self.seen[topic.key]

    def data(self, topic: Topic[Any]) -> list[Any]:
        return [event for event in self.seen[topic.key] if not isinstance(event, Marker)]

    def markers(self, topic: Topic[Any]) -> list[Any]:
        return [event for event in self.seen[topic.key] if isinstance(event, Marker)]

    def script(self, topic: Topic[Any]) -> list[str]:
        """What came on a topic, by kind; data in a row counts once, markers count each."""
        found: list[str] = []
        for event in self.seen[topic.key]:
            kind = type(event).__name__ if isinstance(event, Marker) else "data"
            if kind != "data" or found[-1:] != ["data"]:
                found.append(kind)
        return found

    def reasons(self, topic: Topic[Any]) -> list[str]:
        """What was said at each interruption."""
        return [event.reason for event in self.seen[topic.key] if isinstance(event, Disconnected)]

    def follow(self, *topics: Topic[Any]) -> None:
        """Keep what comes on other topics too, from now on."""
        for topic in topics:
            self._group.start_soon(self._follow, self.root.subscription(topic), self.seen.setdefault(topic.key, []))

    def forget(self) -> None:
        """What was seen until now does not matter."""
        for seen in self.seen.values():
            seen.clear()

    async def _follow(self, subscription: Any, seen: list[Any]) -> None:
        async for event in subscription:
            seen.append(event)  # noqa: PERF401  # it never ends: others read what is there

    async def delivers(self, *topics: Topic[Any], within: float = PATIENCE) -> None:
        """Wait until each topic (none: all) has delivered new data."""
        topics = topics or tuple(self.topics)
        before = {topic.key: len(self.data(topic)) for topic in topics}
        await until(lambda: all(len(self.data(topic)) > before[topic.key] for topic in topics), within)

    async def says(self, word: str, *topics: Topic[Any], times: int = 1, within: float = PATIENCE) -> None:
        """Wait until each topic (none: all) has said a marker so many times."""
        topics = topics or tuple(self.topics)
        await until(lambda: all(self.script(topic).count(word) >= times for topic in topics), within)

    # ---- what the exchange does, and counts

    @asynccontextmanager
    async def outage(self, seconds: float = 0.4) -> AsyncIterator[None]:
        """Every connection is reset, and no endpoint can be reached, by streams or REST: for the block, and at least so long.

        At 5 times the speed of the market, no second passes without trades, quotes and changes of the book.
        """
        for number in range(1, len(self.started.stream_urls) + 1):
            await self.control.refuse(number, abort=True)
        began = anyio.current_time()
        yield
        await anyio.sleep(max(began + seconds - anyio.current_time(), 0.0))
        await self.control.accept()

    async def status(self) -> Status:
        return await self.control.status()

    async def becomes(self, condition: Callable[[Status], object], within: float = PATIENCE) -> Status:
        """The first status of the simulator of which the condition holds."""
        return await status_when(self.control, condition, within)

    async def connection_of(self, stream: str) -> ConnectionStatus:
        """The open connection that is subscribed to this stream, `btcusdt@trade`."""
        (found,) = [one for one in (await self.status()).connections if stream in one.subscriptions]
        return found


@asynccontextmanager
async def bot_at(
    started: Started,
    *feeds: Topic[Any],
    options: TreeOptions = OPTIONS,
    exchange: Exchange | None = None,
    beside: Iterable[ChildSpec] = (),
    store: Store | None = None,
    wait: bool = True,
) -> AsyncIterator[Bot]:
    """A bot at a simulator that runs already, here or elsewhere. Entered when every feed delivers: data is all it has seen.

    Args:
        started: the simulator.
        feeds: none: trades, quotes and books of all its symbols.
        options: of the tree.
        exchange: the adapter; None: `binance_at(started)`.
        beside: actors beside the exchange.
        store: where it remembers, and recalls what the bot before it remembered there.
        wait: False: enter at once.
    """
    exchange = binance_at(started) if exchange is None else exchange
    topics = feeds or tuple(feeds_of(*started.symbols))
    dialling = Dialling()
    spec = exchange_tree(exchange, topics, transport=dialling, open_rest=lambda: HttpRest(ssl_context=NO_TLS), options=options)
    events: list[Event] = []
    with only_the_first_error():
        async with anyio.create_task_group() as group:
            tree = evolve(bot_tree(spec, beside=beside), store=store)
            async with open_supervisor(tree, sinks=[events.append], deadline=PATIENCE) as root:
                bot = Bot(started, Control(started.control_url), root, topics, dialling, events)
                bot._group = group
                bot.follow(*topics)
                if wait:
                    await until(lambda: all(bot.data(topic) for topic in topics))
                    bot.forget()  # the beginning: Resumed, data
                    await bot.delivers()
                yield bot
            group.cancel_scope.cancel()


@asynccontextmanager
async def scene(
    *feeds: Topic[Any],
    options: TreeOptions = OPTIONS,
    limits: dict[str, Any] | None = None,
    beside: Iterable[ChildSpec] = (),
    store: Store | None = None,
    wait: bool = True,
    **settings: Any,
) -> AsyncIterator[Bot]:
    """A simulator in this process, and a bot at it.

    Args:
        feeds: none: trades, quotes and books of all symbols.
        options: of the tree.
        limits: of the exchange, where the adapter shall believe in others than Binance's.
        beside: actors beside the exchange.
        store: where the bot remembers.
        wait: False: enter before anything was delivered.
        settings: of the simulator, see `SimulatorConfig`.
    """
    async with simulator(**settings) as started:
        exchange = binance_at(started, **(limits or {}))
        async with bot_at(started, *feeds, options=options, exchange=exchange, beside=beside, store=store, wait=wait) as bot:
            yield bot


async def until(condition: Callable[[], object], within: float = PATIENCE) -> None:
    """Wait until the condition holds."""
    with anyio.move_on_after(within):
        while not condition():
            await anyio.sleep(LOOK_EVERY)
    assert condition(), f"it did not come true within {within:g} s"


async def status_when(control: Control, condition: Callable[[Status], object], within: float = PATIENCE) -> Status:
    """The first status of a simulator of which the condition holds."""
    status = await control.status()
    with anyio.move_on_after(within):
        while not condition(status):
            await anyio.sleep(LOOK_EVERY)
            status = await control.status()
    assert condition(status), f"it did not come true within {within:g} s; the last: {status}"
    return status


async def at_the_same_time(*what: Callable[[], Awaitable[object]]) -> None:
    """All of these, side by side."""
    async with anyio.create_task_group() as group:
        for one in what:
            group.start_soon(one)


# ---- what must be true of what was seen


def every_trade_once(seen: Iterable[Any]) -> None:
    """Ids count up by one from the first to the last: nothing is missing, nothing came twice, nothing out of order."""
    ids = [event.id for event in seen if not isinstance(event, Marker)]
    assert ids, "there are no trades"
    wrong = [(before, after) for before, after in pairwise(ids) if after != before + 1]
    assert not wrong, f"of {len(ids)} trades, these do not follow each other: {wrong[:5]}"


def every_trade_once_but_for_gaps(seen: Iterable[Any]) -> None:
    """The same, except where a Gap says which ids are missing: exactly those."""
    last: int | None = None
    gap: Gap | None = None
    for event in seen:
        if isinstance(event, Gap):
            assert last in (None, event.after_id), f"the gap begins after {event.after_id}, the last trade was {last}"
            assert event.before_id > event.after_id + 1, f"nothing is missing: {event}"
            gap = event
        elif not isinstance(event, Marker):
            expected = gap.before_id if gap is not None else event.id if last is None else last + 1
            assert event.id == expected, f"trade {event.id} after {last}; expected {expected}"
            last, gap = event.id, None
    assert last is not None, "there are no trades"


def quotes_never_go_back(seen: Iterable[Any]) -> None:
    """Each quote is newer than the one before it."""
    ids = [event.update_id for event in seen if isinstance(event, Quote) and event.update_id]
    assert ids, "there are no quotes"
    wrong = [(before, after) for before, after in pairwise(ids) if after <= before]
    assert not wrong, f"of {len(ids)} quotes, these go back: {wrong[:5]}"


def book_top_equals_quote(quotes_seen: Iterable[Any], books_seen: Iterable[Any]) -> int:
    """The top of each book is what the last quote with an id up to its own says; how often that could be compared.

    It is certain which quote that is if the next one came after it without a marker between: none was missed.
    """
    known: list[tuple[int, Quote | None]] = []
    """(from which id on, the quote that holds; None: nobody knows)"""
    for event in quotes_seen:
        if isinstance(event, Quote):
            known.append((event.update_id, event))
        elif isinstance(event, Marker) and known and known[-1][1] is not None:
            known[-1] = (known[-1][0], None)
    if known:
        known[-1] = (known[-1][0], None)  # the next one has not come
    begins = [begin for begin, _ in known]
    compared = 0
    for book in books_seen:
        if not isinstance(book, Book):
            continue
        place = bisect_right(begins, book.update_id) - 1
        quote = known[place][1] if place >= 0 else None
        if quote is None:
            continue
        compared += 1
        said = ((quote.bid, quote.bid_quantity), (quote.ask, quote.ask_quantity))
        assert (book.bids[0], book.asks[0]) == said, f"book {book.update_id} has {book.bids[0]} {book.asks[0]}, not {said}"
    return compared
