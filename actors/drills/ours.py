"""A bot of ours as the drills see it. Runs in a process of its own.

Its settings are those it has when nobody says anything, but for one: a connection is stable after STABLE_AFTER seconds.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Any

import anyio
import structlog
from attrs import evolve

from actors.bot_tree import bot_tree
from actors.drills.observation import Settings, stream_name
from actors.drills.outlet import Outlet, read_settings
from actors.drills.plan import STABLE_AFTER
from actors.exchange_tree import TreeOptions, exchange_tree
from actors.exchanges.binance import Binance
from actors.feeds import books, quotes, trades
from actors.market import Book, Disconnected, Feed, Quote, Trade
from actors.protocol import StreamStatus
from actors.stream_options import StreamOptions
from supervisor import Supervisor, SupervisorError, Topic, open_supervisor

__all__ = ["watch"]

ASK_EVERY = 0.5
"""Seconds between two looks at what the streams have learned."""


async def watch(settings: Settings, outlet: Outlet) -> None:
    """Run the bot and say what its program is given, for ever.

    Cancellation: the tree is stopped in order.
    """
    exchange = Binance.at(stream_urls=settings.stream_urls, rest_urls=settings.rest_urls)
    topics: dict[str, Topic[Any]] = {}
    for symbol in settings.symbols:
        for feed, make in ((Feed.TRADES, trades), (Feed.QUOTES, quotes), (Feed.BOOK, books)):
            topics[stream_name(feed.value, symbol)] = make(f"binance:{symbol}")
    usual = StreamOptions()
    options = TreeOptions(stream=evolve(usual, reconnect=evolve(usual.reconnect, reset_after=STABLE_AFTER)))
    tree = bot_tree(exchange_tree(exchange, list(topics.values()), options=options))
    async with open_supervisor(tree) as root, anyio.create_task_group() as group:
        for stream, topic in topics.items():
            group.start_soon(_follow, root, stream, topic, outlet)
        group.start_soon(_tell_pauses, root, outlet)
        outlet.ready(version("oneforone"), tuple(topics))


async def _follow(root: Supervisor, stream: str, topic: Topic[Any], outlet: Outlet) -> None:
    """Cancellation: atomic."""
    async for event in root.subscription(topic):
        match event:
            case Trade(id=event_id):
                outlet.seen(stream, event_id)
            case Quote(update_id=event_id) | Book(update_id=event_id):
                outlet.seen(stream, event_id)
            case Disconnected(reason=reason):
                outlet.trouble(stream, reason)


async def _tell_pauses(root: Supervisor, outlet: Outlet) -> None:
    """Cancellation: atomic."""
    while True:
        await anyio.sleep(ASK_EVERY)
        learned: dict[str, float | None] = {}
        try:
            streams = root.supervisor("binance").supervisor("streams").supervisor("streams")
            for child in streams.which_children():
                status = await child.ref.ask(StreamStatus(), timeout=1.0)
                learned |= status.get("pauses", {})
        except SupervisorError:
            continue  # it is being restarted: the next look finds it
        known = {_short(name): seconds for name, seconds in learned.items() if seconds is not None}
        if known:
            outlet.pauses(known)


def _short(subscription: str) -> str:
    """`trades:BTC/USDT` of `trades:binance:BTC/USDT`."""
    feed, _, instrument = str(subscription).partition(":")
    return stream_name(feed, instrument.rpartition(":")[2])


def main() -> None:
    """Run until the process that started this one has gone."""
    settings = read_settings()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # standard output is the line
    anyio.run(watch, settings, Outlet(), backend=settings.backend)


if __name__ == "__main__":
    main()
