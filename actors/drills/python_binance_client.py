"""python-binance as its manual shows it: one multiplex socket for all streams. Opened anew when it says that it is over.

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

_KINDS = {"trade": ("trades", "t"), "bookTicker": ("quotes", "u"), "depth@100ms": ("book", "u")}
"""{kind of stream: (feed, the key of its id)}"""
PAUSE = 0.1
"""Seconds before a socket that cannot be opened is tried again."""


async def watch(settings: Settings, outlet: Outlet) -> None:
    """Watch trades, quotes and deltas of books, for ever.

    Cancellation: its socket is closed.
    """
    binance = import_module("binance")
    client = binance.AsyncClient()
    client.API_URL = f"{settings.rest_urls[0]}/api"
    manager = binance.BinanceSocketManager(client)
    manager.STREAM_URL = f"{settings.stream_urls[0]}/"
    wanted = {
        f"{symbol.replace('/', '').lower()}@{kind}": (stream_name(feed, symbol), key)
        for symbol in settings.symbols
        for kind, (feed, key) in _KINDS.items()
    }
    outlet.ready(version("python-binance"), tuple(stream for stream, _ in wanted.values()))
    try:
        while True:
            try:
                await _read(manager, wanted, outlet)
            except Exception as error:  # noqa: BLE001 -- whatever it is: its message says to reset the connection
                outlet.trouble("", f"{type(error).__name__}: {error}")
                await asyncio.sleep(PAUSE)
    finally:
        await client.close_connection()


async def _read(manager: Any, wanted: dict[str, tuple[str, str]], outlet: Outlet) -> None:
    """Read one socket until it raises. Cancellation: it is closed."""
    async with manager.multiplex_socket(list(wanted)) as socket:
        while True:
            message = await socket.recv()
            stream, key = wanted.get(message.get("stream", ""), ("", ""))
            if stream:
                outlet.seen(stream, int(message["data"][key]))
            elif message.get("e") == "error":
                outlet.trouble("", f"{message.get('type')}: {message.get('m')}")


if __name__ == "__main__":
    asyncio.run(watch(read_settings(), Outlet()))
