"""Names of instruments."""

from __future__ import annotations

import pytest

from actors.simulator.symbols import Symbol, parse_symbol, symbol_of_stream


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("BTC/USDT", Symbol("BTCUSDT", "BTC", "USDT")),
        ("BTCUSDT", Symbol("BTCUSDT", "BTC", "USDT")),
        ("BTCFDUSD", Symbol("BTCFDUSD", "BTC", "FDUSD")),
        ("BLZETH", Symbol("BLZETH", "BLZ", "ETH")),
        ("XYZ/ABC", Symbol("XYZABC", "XYZ", "ABC")),
        ("XYZABC", None),
        ("USDT", None),
        ("btcusdt", None),
        ("BTC/", None),
        ("", None),
    ],
)
def test_a_symbol_is_read_in_either_form(text: str, symbol: Symbol | None) -> None:
    assert parse_symbol(text) == symbol


def test_a_symbol_prints_in_either_form() -> None:
    symbol = Symbol("BTCUSDT", "BTC", "USDT")

    assert (symbol.canonical, symbol.stream) == ("BTC/USDT", "btcusdt")


@pytest.mark.parametrize("stream", ["!miniTicker@arr", "btcusdt", "btcusdt@", "@trade", ""])
def test_what_is_no_stream_of_one_symbol_has_none(stream: str) -> None:
    assert symbol_of_stream(stream) is None


def test_a_stream_tells_its_symbol() -> None:
    assert symbol_of_stream("btcusdt@depth@100ms") == parse_symbol("BTC/USDT")
