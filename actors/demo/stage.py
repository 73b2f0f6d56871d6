"""The stage: a bot on a simulated exchange, a checker for each instrument, and a director who hurts it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import anyio

from actors.bot_tree import bot_tree
from actors.demo.checker import Checked, Checker
from actors.demo.director import Director
from actors.demo.observer import Observer
from actors.exchange_tree import TreeOptions, exchange_tree
from actors.exchanges.binance import Binance
from actors.feeds import books, quotes, trades
from actors.fleet.subscribing import subscription_to
from actors.market import Feed
from actors.ports import Role
from actors.resilience import BreakerConfig
from actors.simulator.config import Started
from actors.simulator.control import Control
from actors.stream_options import StreamOptions
from supervisor import ActorSpec, Backoff, Mailbox, Name, open_supervisor

__all__ = ["open_stage"]

# A demo of forty seconds cannot wait half a minute for a breaker: the patience is scaled down, the machines are the same.
OPTIONS = TreeOptions(
    breaker=BreakerConfig(failures=2, open_for=2.0, open_maximum=2.0, successes=1),
    stream=StreamOptions(
        silence={Feed.TRADES: 4.0, Feed.QUOTES: 2.0, Feed.BOOK: 2.0},
        beat=0.25,
        reconnect=Backoff(initial=0.25, maximum=2.0, reset_after=2.0),
    ),
)


@asynccontextmanager
async def open_stage(started: Started) -> AsyncIterator[Director]:
    """Run the bot for as long as the block.

    Args:
        started: the simulated exchange.

    Yields:
        The director; its observer knows the tree.

    Cancellation: the tree is stopped in order.
    """
    exchange = Binance.at(stream_urls=started.stream_urls, rest_urls=started.rest_urls)
    topics = {symbol: [make(f"binance:{symbol}") for make in (trades, quotes, books)] for symbol in started.symbols}
    names: dict[str, Name[Checked]] = {symbol: Name(f"checker of {symbol.replace('/', '-')}") for symbol in topics}
    checkers = [
        ActorSpec(
            names[symbol].key,
            partial(Checker, tuple(subscription_to(exchange, topic) for topic in of_symbol)),
            name=names[symbol],
            mailbox=Mailbox(50_000),
        )
        for symbol, of_symbol in topics.items()
    ]
    feeds = [topic for of_symbol in topics.values() for topic in of_symbol]
    observer = Observer(names)
    natives = {symbol: exchange.instrument(symbol).native for symbol in topics}
    streams = [endpoint.name for endpoint in exchange.endpoints if endpoint.role is Role.STREAM]
    tree = bot_tree(exchange_tree(exchange, feeds, options=OPTIONS), beside=checkers)
    async with open_supervisor(tree, sinks=[observer.sink], deadline=9.0) as root, anyio.create_task_group() as group:
        observer.root = root
        group.start_soon(observer.watch)
        yield Director(Control(started.control_url), root.supervisor("binance"), observer, natives, streams)
        group.cancel_scope.cancel()
