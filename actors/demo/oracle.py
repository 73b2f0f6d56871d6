"""The free oracle: a quote says what the top of the book is at its update id, so a book built from deltas can be checked
against it.

A quote stays true until the next one. So a book at id B must have the top that the last quote with an id up to B says. Which
one that is is certain when a later quote has come, provided none was missed: a snapshot fetched by REST can be ahead of the
stream. After a hole the oracle forgets what it knew.
"""

from __future__ import annotations

from collections import deque

from attrs import define, field

from actors.market import Book, Level, Quote

__all__ = ["Oracle"]

KEPT = 1_000
"""Books that wait for a later quote; of more, the oldest are not compared."""


@define(eq=False)
class Oracle:
    """Compares the book of one instrument with its quotes."""

    compared: int = 0
    exact: int = 0
    """Of those, how often the quote had the very id of the book."""
    disagreed: list[str] = field(factory=list)
    """What the first few disagreements were."""
    _disagreements: int = 0
    _quote: Quote | None = None
    _books: deque[tuple[int, Level | None, Level | None]] = field(factory=lambda: deque(maxlen=KEPT))
    """(id, best bid, best ask) of books that wait for a later quote."""

    @property
    def agreed(self) -> int:
        return self.compared - self._disagreements

    def quote(self, quote: Quote) -> None:
        """Take a quote in, and compare the books before it."""
        last, self._quote = self._quote, quote
        while self._books and self._books[0][0] < quote.update_id:
            update_id, bid, ask = self._books.popleft()
            if last is not None and last.update_id <= update_id:
                self._compare(last, update_id, bid, ask)

    def book(self, book: Book) -> None:
        """Take a book in."""
        self._books.append((book.update_id, _best(book.bids), _best(book.asks)))

    def forget(self) -> None:
        """Quotes may have been missed: what is known is not good enough."""
        self._quote = None
        self._books.clear()

    def _compare(self, quote: Quote, update_id: int, bid: Level | None, ask: Level | None) -> None:
        self.compared += 1
        self.exact += quote.update_id == update_id
        said = ((quote.bid, quote.bid_quantity), (quote.ask, quote.ask_quantity))
        if said != (bid, ask):
            self._disagreements += 1
            if len(self.disagreed) < 3:
                self.disagreed.append(f"book {update_id} has {(bid, ask)}, quote {quote.update_id} says {said}")


def _best(levels: tuple[Level, ...]) -> Level | None:
    return levels[0] if levels else None
