"""What the simulator itself said of the top of its book, by update id: a book that a client keeps is compared with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from attrs import define, field

from actors.simulator import Started
from tests.simulator.support import Client, connected

__all__ = ["Quotes", "quotes_of"]

Top = tuple[list[float], list[float]]


@define(eq=False)
class Quotes:
    client: Client
    _tops: dict[int, Top] = field(factory=dict)

    async def top_at(self, update_id: int) -> Top | None:
        """Best bid and ask, each with its quantity; None where it was before the first quote."""
        while not self._tops or max(self._tops) <= update_id:
            quote = await self.client.next()
            if "u" in quote:
                self._tops[quote["u"]] = [float(quote["b"]), float(quote["B"])], [float(quote["a"]), float(quote["A"])]
        known = [number for number in self._tops if number <= update_id]
        return self._tops[max(known)] if known else None


@asynccontextmanager
async def quotes_of(started: Started, native: str) -> AsyncIterator[Quotes]:
    """Listen to every quote of a symbol, over a connection to the last endpoint."""
    async with connected(f"{started.stream_urls[-1]}/ws/{native.lower()}@bookTicker") as client:
        quotes = Quotes(client)
        await quotes.top_at(0)
        yield quotes
