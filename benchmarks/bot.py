"""The demo's bot, without its picture, for as long as is wanted: the fault plan again and again. `memory` watches it.

It writes two lines of JSON to standard output: `Imported` before it does anything, `Finished` at the end. The tree, the
consumers, the simulated exchange and the faults are the demo's own.
"""

from __future__ import annotations

import sys
from functools import partial

import anyio
import msgspec
from msgspec import Struct

from actors.bot_tree import bot_tree
from actors.demo.checker import Checked, Checker
from actors.demo.director import Director
from actors.demo.observer import Observer
from actors.demo.plan import make_plan
from actors.demo.show import OPTIONS
from actors.exchange_tree import exchange_tree, subscription_to
from actors.exchanges.binance import Binance
from actors.feeds import books, quotes, trades
from actors.ports import Role
from actors.simulator.config import SimulatorConfig, Started
from actors.simulator.control import Control
from actors.simulator.process import running_simulator
from benchmarks.logs import log_to_stderr
from supervisor import ActorSpec, Mailbox, Name, open_supervisor

__all__ = ["Finished", "Imported"]


class Imported(Struct, frozen=True, tag="imported"):
    """All modules are loaded."""


class Finished(Struct, frozen=True, tag="finished"):
    """What the bot did."""

    events: int
    phases: int
    restarts: int


async def live(started: Started, seconds: float) -> Finished:
    """Run the bot and hurt it until the time is up. Cancellation: the tree is stopped in order."""
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
    observer, phases = Observer(names), 0
    tree = bot_tree(exchange_tree(exchange, feeds, options=OPTIONS), beside=checkers)
    async with open_supervisor(tree, sinks=[observer.sink], deadline=9.0) as root, anyio.create_task_group() as group:
        observer.root = root
        group.start_soon(observer.watch)
        natives = {symbol: exchange.instrument(symbol).native for symbol in topics}
        first = next(endpoint.name for endpoint in exchange.endpoints if endpoint.role is Role.STREAM)
        director = Director(Control(started.control_url), root.supervisor("binance"), observer, natives, first)
        with anyio.move_on_after(seconds):
            while True:
                for phase in make_plan(started.symbols, seed=phases):
                    await director.run(phase)
                    phases += 1
        await observer.look()
        group.cancel_scope.cancel()
    events = sum(feed.events for tally in observer.tallies.values() for feed in tally.feeds.values())
    return Finished(events, phases, observer.restarts.total())


async def main(seconds: float) -> None:
    """The simulated exchange beside it, in its own process. Cancellation: both end."""
    async with running_simulator(SimulatorConfig(speed=3.0)) as started:
        say(await live(started, seconds))


def say(line: Struct) -> None:
    """One line for who watches."""
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    log_to_stderr(least="error")
    say(Imported())
    sys.stdin.readline()  # wait until our memory has been read
    anyio.run(main, float(sys.argv[1]), backend=sys.argv[2])
