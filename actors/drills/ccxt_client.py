"""ccxt.pro as its manual shows it: a loop for each symbol and method, which catches what is raised and calls again.

Unpatched; it is only told the addresses. Runs in a process of its own.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from importlib.metadata import version
from typing import Any

from actors.drills.observation import Settings, stream_name
from actors.drills.outlet import Outlet, read_settings

__all__ = ["watch"]


async def watch(settings: Settings, outlet: Outlet) -> None:
    """Watch trades and books, for ever.

    Cancellation: its sockets are closed.
    """
    exchange = import_module("ccxt.pro").binance({"options": {"fetchMarkets": {"types": ["spot"]}}})
    exchange.urls["api"]["public"] = f"{settings.rest_urls[0]}/api/v3"
    exchange.urls["api"]["ws"]["spot"] = f"{settings.stream_urls[0]}/ws"
    try:
        await exchange.load_markets()
        streams = [stream_name(feed, symbol) for symbol in settings.symbols for feed in ("trades", "book")]
        outlet.ready(version("ccxt"), tuple(streams))
        async with asyncio.TaskGroup() as group:
            for symbol in settings.symbols:
                group.create_task(_trades(exchange, symbol, outlet))
                group.create_task(_books(exchange, symbol, outlet))
    finally:
        await exchange.close()


async def _trades(exchange: Any, symbol: str, outlet: Outlet) -> None:
    """Cancellation: atomic."""
    stream = stream_name("trades", symbol)
    while True:
        try:
            for trade in await exchange.watch_trades(symbol):
                outlet.seen(stream, int(trade["id"]))
        except Exception as error:  # noqa: BLE001 -- as its manual does: whatever it is, call again
            outlet.trouble(stream, f"{type(error).__name__}: {error}")
            await asyncio.sleep(0)  # it may raise without having waited


async def _books(exchange: Any, symbol: str, outlet: Outlet) -> None:
    """Cancellation: atomic."""
    stream = stream_name("book", symbol)
    while True:
        try:
            book = await exchange.watch_order_book(symbol)
            outlet.seen(stream, int(book["nonce"]))
        except Exception as error:  # noqa: BLE001 -- as its manual does: whatever it is, call again
            outlet.trouble(stream, f"{type(error).__name__}: {error}")
            await asyncio.sleep(0)  # it may raise without having waited


if __name__ == "__main__":
    asyncio.run(watch(read_settings(), Outlet()))
