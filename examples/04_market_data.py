"""Supervised market data: the first trades, quotes and books of a simulated exchange, or of Binance with --live."""

import sys
from typing import Any

import anyio

from actors import Binance, books, bot_tree, exchange_tree, quotes, trades
from actors.ports import Exchange
from actors.simulator import SimulatorConfig, running_simulator
from supervisor import Supervisor, Topic, open_supervisor

FEEDS: list[Topic[Any]] = [trades("binance:BTC/USDT"), quotes("binance:BTC/USDT"), books("binance:BTC/USDT")]


async def first_trades(root: Supervisor, count: int) -> None:
    async for event in root.subscription(trades("binance:BTC/USDT")):
        print(event)  # a Trade, or a marker: Disconnected, Resumed, Gap
        count -= 1
        if count == 0:
            return


async def first_book(root: Supervisor) -> None:
    async for event in root.subscription(books("binance:BTC/USDT")):
        print(event)
        return


async def watch(exchange: Exchange) -> None:
    async with open_supervisor(bot_tree(exchange_tree(exchange, FEEDS))) as root, anyio.create_task_group() as group:
        group.start_soon(first_trades, root, 3)
        group.start_soon(first_book, root)


async def main() -> None:
    if "--live" in sys.argv:
        await watch(Binance.production())
        return
    async with running_simulator(SimulatorConfig(symbols=("BTC/USDT",))) as simulator:
        await watch(Binance.at(stream_urls=simulator.stream_urls, rest_urls=simulator.rest_urls))


if __name__ == "__main__":
    anyio.run(main, backend="trio")
