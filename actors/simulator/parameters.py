"""The parameters of a Binance REST request, and how a wrong one is refused. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from attrs import frozen

from actors.simulator.answers import Query
from actors.simulator.symbols import Symbol

__all__ = ["Parameters", "Refused"]

_SYMBOL = "^[A-Z0-9-_.]{1,20}$"
_SYMBOLS = '^\\["[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}\\]$'
_NUMBER = "^[0-9]{1,20}$"


class Refused(Exception):
    """An error of the API: status, code and words."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


@frozen
class Parameters:
    """What a request says. Every method raises Refused where a parameter is wrong.

    Args:
        query: percent-decoded.
        symbols: those that exist.
    """

    query: Query
    symbols: Sequence[Symbol]

    def symbol(self) -> Symbol:
        native = self.text("symbol")
        if not native:
            raise Refused(400, -1102, _malformed("symbol"))
        if not re.fullmatch(r"[A-Z0-9\-_.]{1,20}", native):
            raise Refused(400, -1100, _illegal("symbol", _SYMBOL))
        return self._find(native)

    def wanted(self) -> Sequence[Symbol]:
        """By `symbol`, by `symbols`, or all of them."""
        if "symbol" in self.query and "symbols" in self.query:
            raise Refused(400, -1128, "Combination of optional parameters invalid.")
        if "symbol" in self.query:
            return [self.symbol()]
        if "symbols" in self.query:
            return [self._find(native) for native in self._list()]
        return self.symbols

    @property
    def one(self) -> bool:
        """Whether a single symbol is asked for, which is answered without a list."""
        return "symbol" in self.query

    def limit(self, default: int) -> int:
        limit = self.number("limit")
        if limit == 0:
            raise Refused(400, -1130, "Data sent for parameter 'limit' is not valid.")
        return default if limit is None else limit

    def number(self, name: str) -> int | None:
        """None where it was not sent."""
        if name not in self.query:
            return None
        text = self.text(name)
        if not text:
            raise Refused(400, -1102, _malformed(name))
        if not re.fullmatch(r"[0-9]{1,20}", text):
            raise Refused(400, -1100, _illegal(name, _NUMBER))
        return int(text)

    def text(self, name: str, default: str = "") -> str:
        return self.query.get(name, [default])[0]

    def _find(self, native: str) -> Symbol:
        for symbol in self.symbols:
            if symbol.native == native:
                return symbol
        raise Refused(400, -1121, "Invalid symbol.")

    def _list(self) -> list[str]:
        try:
            return msgspec.json.decode(self.text("symbols"), type=list[str])
        except (msgspec.MsgspecError, ValueError, RecursionError) as exc:
            raise Refused(400, -1100, _illegal("symbols", _SYMBOLS)) from exc


def _malformed(name: str) -> str:
    return f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."


def _illegal(name: str, legal: str) -> str:
    return f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."
