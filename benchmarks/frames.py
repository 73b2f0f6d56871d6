"""CPU per frame from the socket to the subscriber.

The case is the whole way that a user's data takes: WebSocketTransport, Link and Stream in a tree of supervision, topic,
subscriber. The floor is what nobody could leave out: websockets' Sans-I/O protocol reads the same bytes in pieces of the same
size, msgspec decodes them into the same structs. It has no socket, no loop and no tree.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

import anyio
import msgspec
from attrs import define, field, frozen
from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.protocol import State
from websockets.uri import parse_uri

from actors.bot_tree import bot_tree
from actors.exchange_tree import TreeOptions, exchange_tree
from actors.exchanges.binance import Binance
from actors.exchanges.binance.streams import Decode, Envelope, decoder_of
from actors.feeds import quotes, trades
from actors.market import Feed, Quote, QuoteEvent, Resumed, Trade, TradeEvent
from actors.ports import RestRequest, RestResponse
from actors.stream_options import StreamOptions
from actors.transport import WebSocketTransport
from actors.transport.memory import MemoryRest
from benchmarks.feeder import WRITE, Feeder, encode, feeder
from benchmarks.rounds import CaseFailed, Figure, Measured, Options, Pair, Spread, Stopwatch, interleave
from benchmarks.traffic import STREAMS, SYMBOL, Traffic, traffic
from supervisor import Actor, ActorSpec, Mailbox, Supervisor, Topic, open_supervisor

__all__ = ["run"]

TARGET = 2.5
MOST = 4
"""Rounds: each takes ten seconds."""
BACKENDS = ("trio", "asyncio")
KINDS = {"trade": ("trade",), "bookTicker": ("bookTicker",), "mixed": ("trade", "bookTicker")}
WITHIN = 60.0
"""Seconds that a round may take before it counts as failed."""
FEEDS = {"trade": Feed.TRADES, "bookTicker": Feed.QUOTES}
SYMBOLS = RestResponse(200, b'{"symbols":[{"symbol":"BTCUSDT","status":"TRADING"}]}')

Event = TradeEvent | QuoteEvent
EventTopic = Topic[TradeEvent] | Topic[QuoteEvent]
TOPICS: dict[str, Callable[[str], EventTopic]] = {"trade": trades, "bookTicker": quotes}

M = TypeVar("M")


# ---- the bytes


@frozen
class Tape:
    """What is sent in one round."""

    kinds: tuple[str, ...]
    first: Path
    """One frame per stream: when they have arrived, all is connected and warm."""
    rest: Path
    """What is measured."""
    chunks: tuple[bytes, ...]
    """The same bytes in memory, in pieces as they are sent."""
    frames: int


def tape(source: Traffic, kinds: tuple[str, ...], limit: int | None, folder: Path) -> Tape:
    """Encode the frames of these streams and put them where the feeder finds them."""
    payloads = source.payloads(*kinds)[:limit]
    first = [next(payload for payload in payloads if STREAMS[kind].encode() in payload) for kind in kinds]
    rest = [payload for payload in payloads if payload not in first]
    name = "-".join(kinds)
    files = folder / f"{name}.first", folder / f"{name}.rest"
    data = encode(rest)
    files[0].write_bytes(encode(first))
    files[1].write_bytes(data)
    chunks = tuple(data[start : start + WRITE] for start in range(0, len(data), WRITE))
    return Tape(kinds, *files, chunks, len(rest))


# ---- the floor


def floor(tape: Tape) -> Measured:
    """Parse and decode, and nothing else."""
    decoders: dict[str, Decode] = {STREAMS[kind]: decoder_of(FEEDS[kind]) for kind in tape.kinds}
    decode_envelope = msgspec.json.Decoder(Envelope).decode
    protocol = ClientProtocol(parse_uri("ws://localhost/stream"), state=State.OPEN)
    stopwatch, done = Stopwatch(), 0
    stopwatch.start()
    for chunk in tape.chunks:
        protocol.receive_data(chunk)
        # An open connection yields frames alone; to look at each would be more than the floor.
        for frame in cast("list[Frame]", protocol.events_received()):
            envelope = decode_envelope(frame.data)
            decoders[envelope.stream](envelope.data)
            done += 1
    measured = stopwatch.stop(done)
    if done != tape.frames:
        raise CaseFailed(f"frames: the floor decoded {done} of {tape.frames} frames")
    return measured


# ---- the case


@define(eq=False)
class Tally:
    """Counts what arrived, and says when that is all."""

    left: int
    arrived: int = 0
    holes: list[object] = field(factory=list)
    _complete: anyio.Event = field(factory=anyio.Event)

    def take(self, event: object) -> None:
        """One event, as a user's code would look at it."""
        if isinstance(event, Trade | Quote):
            self.arrived += 1
            if self.arrived == self.left:
                self._complete.set()
        elif not isinstance(event, Resumed):
            self.holes.append(event)

    async def complete(self, count: int) -> None:
        """Wait for so many more events. Cancellation: atomic."""
        self.left = count
        await self._complete.wait()
        self.arrived, self._complete = 0, anyio.Event()


@define(eq=False)
class Reader(Actor[Event]):
    """An actor that subscribes."""

    topics: Sequence[EventTopic]
    tally: Tally

    async def on_start(self) -> None:
        """Subscribe. Cancellation: atomic."""
        for topic in self.topics:
            self.subscribe(topic)

    def receive(self, message: Event) -> None:
        self.tally.take(message)


async def read(root: Supervisor, topic: Topic[M], tally: Tally, *, task_status: anyio.abc.TaskStatus[None]) -> None:
    """A consumer outside the tree, for ever. Cancellation: atomic."""
    with root.subscription(topic, capacity=50_000) as subscription:
        task_status.started()
        async for event in subscription:
            tally.take(event)


async def _round(source: Feeder, tape: Tape, subscriber: str) -> Measured:
    """Open the tree, let the frames come, close it. Cancellation: the tree is closed."""
    topics = [TOPICS[kind](f"binance:{SYMBOL}") for kind in tape.kinds]
    tally, stopwatch = Tally(len(topics)), Stopwatch()
    exchange = Binance.at(stream_urls=[source.url], rest_urls=["http://127.0.0.1:9"])
    # The feeder says no goodbye, so there is none to wait for.
    transport = WebSocketTransport(close_timeout=0.05)
    rest = MemoryRest(_symbols)
    options = TreeOptions(stream=StreamOptions(fill_within=0.5))  # nothing is missing, or the case has failed
    venue = exchange_tree(exchange, topics, transport=transport, open_rest=lambda: nullcontext(rest), options=options)
    actor = ActorSpec("reader", partial(Reader, topics, tally), mailbox=Mailbox(50_000))
    tree = bot_tree(venue, beside=[actor] if subscriber == "actor" else [])
    measured: Measured | None = None
    async with open_supervisor(tree) as root, anyio.create_task_group() as group:
        if subscriber == "subscription":
            for topic in topics:
                await group.start(read, root, topic, tally)
        with anyio.move_on_after(WITHIN):
            source.send(tape.first)
            await tally.complete(len(topics))
            stopwatch.start()
            source.send(tape.rest)
            await tally.complete(tape.frames)
            measured = stopwatch.stop(tape.frames)
        group.cancel_scope.cancel()
    if tally.holes:
        raise CaseFailed(f"frames: the subscriber was told of a hole: {tally.holes[0]!r}")
    if measured is None:
        raise CaseFailed(f"frames: {tally.arrived} of {tape.frames} frames arrived within {WITHIN:g} s")
    return measured


def case(source: Feeder, tape: Tape, backend: str, subscriber: str) -> Measured:
    """One round on one loop."""
    try:
        return anyio.run(_round, source, tape, subscriber, backend=backend)
    finally:
        source.end()


def _symbols(_: str, __: RestRequest) -> RestResponse:
    return SYMBOLS


# ---- the figures


def run(options: Options) -> list[Figure]:
    """Measure, on both loops, for a reader outside the tree and for an actor.

    Raises:
        CaseFailed: not every frame came through.
    """
    source = traffic(options.data)
    figures = []
    with tempfile.TemporaryDirectory() as folder, feeder() as feeding:
        for title, kinds in KINDS.items():
            sent = tape(source, kinds, options.limit, Path(folder))
            cases = {
                f"{title}, {backend}, {subscriber}": partial(case, feeding, sent, backend, subscriber)
                for backend in BACKENDS
                for subscriber in ("subscription", "actor")
            }
            pairs = interleave(partial(floor, sent), cases, min(MOST, options.rounds), options.progress)
            figures += [_figure(name, pair, source.origin) for name, pair in pairs.items()]
    return figures


def _figure(name: str, pair: Pair, origin: str) -> Figure:
    return Figure(
        case=name,
        done=f"{pair.done:,} {origin} frames",
        unit="µs/frame",
        value=Spread.of(measured.each * 1e6 for measured in pair.cases),
        floor=Spread.of(measured.each * 1e6 for measured in pair.floors),
        ratio=pair.ratio,
        floor_is="websockets and msgspec alone",
        target_ratio=TARGET,
    )
