"""CPU per frame from the socket to the subscriber, beside another client and the bare library.

    ours        the whole tree: WebSocketTransport, Link and Stream, topic, subscriber
    ccxt.pro    `watch_trades` and `watch_bids_asks` in a loop, as its manual shows, with what it finds installed
    floor       websockets' own client and msgspec: read a frame, decode it, nothing else

All read the same recording from the same process over the same loopback, as fast as they can. ccxt is given the raw stream that
it asks for (`/ws`), the others the combined one, which is 40 bytes longer.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import msgspec
from attrs import evolve, frozen
from websockets.asyncio.client import connect

from actors.exchanges.binance.streams import Decode, Envelope, decoder_of
from benchmarks.feeder import Feeder, encode, feeder
from benchmarks.frames import BACKENDS, FEEDS, MOST, WITHIN, Tape, case, tape
from benchmarks.rounds import CaseFailed, Figure, Measured, Options, Pair, Spread, Stopwatch, interleave
from benchmarks.traffic import STREAMS, Traffic, traffic

__all__ = ["clients"]

AT_MOST = 2.0
"""Times the bare library that a frame may cost."""
AT_LEAST = 5.0
"""Times ours that ccxt.pro is to cost."""
KINDS = ("trade", "bookTicker")
MARKET = {
    "id": "BTCUSDT",
    "lowercaseId": "btcusdt",
    "symbol": "BTC/USDT",
    "base": "BTC",
    "quote": "USDT",
    "baseId": "BTC",
    "quoteId": "USDT",
}
ID = {"trade": "t", "bookTicker": "u"}


@frozen
class Sent:
    """One kind's frames, in both forms."""

    combined: Tape
    raw: Tape
    last: int
    """The id of the last event."""


def sent(source: Traffic, kind: str, limit: int | None, folder: Path) -> Sent:
    """Encode the frames of one stream in both forms, and put them where the feeder finds them."""
    combined = tape(source, (kind,), limit, folder)
    payloads = [data for stream, data in source.frames if stream == STREAMS[kind]][: combined.frames + 1]
    files = folder / f"{kind}.raw.first", folder / f"{kind}.raw.rest"
    files[0].write_bytes(encode(payloads[:1]))
    files[1].write_bytes(encode(payloads[1:]))
    last = int(msgspec.json.decode(payloads[-1])[ID[kind]])
    return Sent(combined, evolve(combined, first=files[0], rest=files[1]), last)


# ---- the floor


def bare(source: Feeder, tape: Tape) -> Measured:
    """Read and decode, and nothing else."""
    try:
        return anyio.run(_bare, source, tape)
    finally:
        source.end()


async def _bare(source: Feeder, tape: Tape) -> Measured:
    """Cancellation: the connection is closed."""
    decoders: dict[str, Decode] = {STREAMS[kind]: decoder_of(FEEDS[kind]) for kind in tape.kinds}
    decode_envelope = msgspec.json.Decoder(Envelope).decode
    stopwatch, done = Stopwatch(), 0
    async with connect(f"{source.url}/stream", compression=None, close_timeout=0.05) as connection:
        await connection.send('{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":1}')
        await connection.recv()
        source.send(tape.first)
        await connection.recv()
        stopwatch.start()
        source.send(tape.rest)
        with anyio.fail_after(WITHIN):
            async for text in connection:
                envelope = decode_envelope(text)
                decoders[envelope.stream](envelope.data)
                done += 1
                if done == tape.frames:
                    break
        return stopwatch.stop(done)


# ---- ccxt.pro


def pro(source: Feeder, sent: Sent) -> Measured:
    """Watch until the last event has come."""
    try:
        return anyio.run(_ccxt, source, sent)
    finally:
        source.end()


async def _ccxt(source: Feeder, sent: Sent) -> Measured:
    """Cancellation: the client is closed."""
    client = import_module("ccxt.pro").binance({"newUpdates": True, "options": {"tradesLimit": 1000}})
    kinds = {"type": "spot", "spot": True, "swap": False, "future": False, "option": False, "contract": False}
    client.set_markets([client.safe_market_structure({**MARKET, **kinds, "active": True})])
    client.urls["api"]["ws"] = dict.fromkeys(client.urls["api"]["ws"], f"{source.url}/ws")
    (kind,) = sent.raw.kinds
    watch: Callable[[], Awaitable[Any]]
    watch = partial(client.watch_trades, "BTC/USDT") if kind == "trade" else partial(client.watch_bids_asks, ["BTC/USDT"])
    stopwatch = Stopwatch()
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(_first, source, sent.raw)
            await watch()
            stopwatch.start()
            source.send(sent.raw.rest)
            with anyio.fail_after(WITHIN):
                while _last(kind, await watch()) != sent.last:
                    pass
        return stopwatch.stop(sent.raw.frames)
    finally:
        await client.close()


async def _first(source: Feeder, tape: Tape) -> None:
    """The feeder sends it once the client has subscribed. Cancellation: atomic."""
    source.send(tape.first)
    await anyio.lowlevel.checkpoint()


def _last(kind: str, update: Any) -> int:
    """The id of the newest event of an update."""
    if kind == "trade":
        return int(update[-1]["id"])
    return max(int(ticker["info"]["u"]) for ticker in update.values())


# ---- the figures


def clients(options: Options) -> list[Figure]:
    """Measure one kind after the other.

    Raises:
        CaseFailed: not every frame came through.
    """
    logging.getLogger("ccxt").setLevel(logging.CRITICAL)
    source = traffic(options.data)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder, feeder() as feeding:
        for kind in KINDS:
            frames = sent(source, kind, options.limit, Path(folder))
            cases: dict[str, Callable[[], Measured]] = {
                backend: partial(case, feeding, frames.combined, backend, "subscription") for backend in BACKENDS
            }
            if _installed("ccxt"):
                cases["ccxt"] = partial(pro, feeding, frames)
            pairs = interleave(partial(bare, feeding, frames.combined), cases, min(MOST, options.rounds), options.progress)
            figures += _figures(kind, pairs, source.origin)
    return figures


def _figures(kind: str, pairs: dict[str, Pair], origin: str) -> Sequence[Figure]:
    other = pairs.pop("ccxt", None)
    found = []
    for backend, pair in pairs.items():
        found.append(_figure(kind, "", backend, pair, origin, AT_MOST))
    if other is not None:
        found.append(_figure(kind, f"ccxt {version('ccxt')}", "asyncio", other, origin, None))
        for backend, pair in pairs.items():
            times = [theirs.each / ours.each for theirs, ours in zip(other.cases, pair.cases, strict=True)]
            found.append(
                Figure(
                    case=f"{kind}, ccxt.pro's cost as a multiple of ours",
                    loop=backend,
                    done=f"{pair.done:,} {origin} frames",
                    unit="times",
                    value=Spread.of(times),
                    higher=True,
                    target=AT_LEAST,
                    decimals=1,
                )
            )
    return found


def _figure(kind: str, who: str, loop: str, pair: Pair, origin: str, target: float | None) -> Figure:
    if not pair.cases:
        raise CaseFailed(f"clients: {kind} was not measured")
    return Figure(
        case=f"{kind}, socket to subscriber",
        who=who,
        loop=loop,
        done=f"{pair.done:,} {origin} frames",
        unit="µs/frame",
        value=Spread.of(measured.each * 1e6 for measured in pair.cases),
        floor=Spread.of(measured.each * 1e6 for measured in pair.floors),
        ratio=pair.ratio,
        floor_is="websockets' client and msgspec",
        target_ratio=target,
    )


def _installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
