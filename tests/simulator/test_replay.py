"""A recording as a market: its books are right at every moment."""

from __future__ import annotations

import itertools
import logging
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.errors import RecordingError
from actors.simulator.replay import ReplayMarket


def depth_line(ms: int, first: int, last: int, bids: list[tuple[str, str]]) -> bytes:
    data = {"e": "depthUpdate", "s": "BTCUSDT", "U": first, "u": last, "b": bids, "a": []}
    return b"%d " % (ms * 10**6) + msgspec.json.encode({"stream": "btcusdt@depth@100ms", "data": data})


def trade_line(ms: int, number: int) -> bytes:
    data = {"e": "trade", "t": number, "p": "1.0", "q": "2.0", "T": ms, "m": True}
    return b"%d " % (ms * 10**6) + msgspec.json.encode({"stream": "btcusdt@trade", "data": data})


def snapshot_line(ms: int, last: int, bids: list[tuple[str, str]]) -> bytes:
    return b"%d " % (ms * 10**6) + msgspec.json.encode({"lastUpdateId": last, "bids": bids, "asks": [("9", "1")]})


T = 1_700_000_000_000
LINES = [
    depth_line(T, 1, 5, [("1.0", "1.0")]),
    trade_line(T + 100, 70),
    depth_line(T + 200, 6, 9, [("2.0", "0.00"), ("3.0", "3.0")]),
    snapshot_line(T + 300, 7, [("2.0", "2.0"), ("1.0", "1.0")]),
    trade_line(T + 400, 71),
    depth_line(T + 500, 10, 12, [("1.0", "0.0")]),
]


def market(tmp_path: Path, lines: list[bytes]) -> ReplayMarket:
    path = tmp_path / "recording"
    path.write_bytes(b"\n".join(lines))
    return ReplayMarket.open(path)


def test_the_replay_starts_where_the_book_is_known(tmp_path: Path) -> None:
    replay = market(tmp_path, LINES)
    messages = list(replay.messages())

    assert [m.stream for m in messages] == ["btcusdt@trade", "btcusdt@depth@100ms"]
    assert [m.time for m in messages] == pytest.approx([0.0, 0.1], abs=1e-6)
    assert [s.canonical for s in replay.symbols] == ["BTC/USDT"]
    assert replay.epoch_ms == T


def test_deltas_from_before_the_snapshot_are_applied_to_it(tmp_path: Path) -> None:
    replay = market(tmp_path, LINES)
    messages = replay.messages()
    next(messages)
    depth = replay.depth("BTCUSDT", 10)

    assert depth is not None
    assert (depth.last_id, depth.bids, depth.asks) == (9, [("3.0", "3.0"), ("1.0", "1.0")], [("9", "1")])
    next(messages)
    after = replay.depth("BTCUSDT", 10)
    assert after is not None
    assert (after.last_id, after.bids) == (12, [("3.0", "3.0")])


def test_trades_from_before_the_start_are_known(tmp_path: Path) -> None:
    replay = market(tmp_path, LINES)
    next(replay.messages())

    assert [t.id for t in replay.history("BTCUSDT").trades] == [70, 71]


def test_a_gap_in_the_recording_makes_the_book_unknown_until_the_next_snapshot(tmp_path: Path) -> None:
    replay = market(
        tmp_path,
        [
            *LINES,
            depth_line(T + 600, 20, 21, [("4.0", "1")]),
            trade_line(T + 650, 72),
            snapshot_line(T + 700, 20, [("5.0", "1")]),
            trade_line(T + 800, 73),
        ],
    )
    known = []
    for message in replay.messages():
        depth = replay.depth("BTCUSDT", 1)
        known.append((round(message.time, 3), depth and depth.last_id))

    assert known == [(0.0, 9), (0.1, 12), (0.2, None), (0.25, None), (0.4, 21)]


def test_without_a_snapshot_everything_is_played_and_depth_is_unknown(tmp_path: Path) -> None:
    replay = market(tmp_path, [LINES[0], LINES[1]])

    assert len(list(replay.messages())) == 2
    assert replay.depth("BTCUSDT", 10) is None
    assert replay.depth("NOPE", 10) is None
    assert not replay.history("NOPE").trades


def test_skipped_lines_are_logged_once_at_the_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    replay = market(tmp_path, [b"bad", *LINES, b"worse"])
    with caplog.at_level(logging.WARNING, "oneforone.simulator"):
        list(replay.messages())

    (line,) = caplog.messages
    assert "2 lines were skipped, the first was line 1: it does not begin with a time" in line
    assert replay.skipped == 2


def test_a_payload_that_is_not_what_it_announces_is_played_as_it_is(tmp_path: Path) -> None:
    odd = b'1700000000900000000 {"stream":"btcusdt@trade","data":{"hello":1}}'

    assert [m.data for m in market(tmp_path, [*LINES, odd]).messages()][-1] == b'{"hello":1}'


def test_a_clock_that_was_set_back_does_not_turn_time_back(tmp_path: Path) -> None:
    replay = market(tmp_path, [trade_line(T + 500, 1), trade_line(T, 2), trade_line(T + 700, 3)])

    assert [m.time for m in replay.messages()] == pytest.approx([0.0, 0.0, 0.2], abs=1e-6)


def test_an_unreadable_recording_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RecordingError):
        market(tmp_path, [b"bad"])


def tops(depth: Any) -> tuple[Decimal, ...]:
    return tuple(map(Decimal, (*depth.bids[0], *depth.asks[0])))


def test_the_recorded_book_has_the_top_that_the_last_quote_said(recorded: Path) -> None:
    replay = ReplayMarket.open(recorded / "binance-btcusdt" / "spot_btcusdt_20240808.gz")
    quotes: dict[int, tuple[Decimal, ...]] = {}
    compared = 0
    for message in itertools.islice(replay.messages(), 6000):
        event = msgspec.json.decode(message.data)
        if message.stream.endswith("@bookTicker"):
            quotes[event["u"]] = tuple(Decimal(event[key]) for key in "bBaA")
        elif message.stream.endswith("@depth@100ms") and quotes:
            book_id = event["u"]
            earlier = [u for u in quotes if u <= book_id]
            if earlier:
                assert tops(replay.depth("BTCUSDT", 1)) == quotes[max(earlier)]
                quotes = {u: quote for u, quote in quotes.items() if u >= max(earlier)}
                compared += 1

    assert compared > 300


def test_all_books_of_several_symbols_are_known_from_the_start_to_the_end(recorded: Path) -> None:
    replay = ReplayMarket.open(recorded / "binance-multi" / "BINANCE.ws.1.0")

    assert [s.canonical for s in replay.symbols] == ["NKN/USDT", "BLZ/ETH", "LRC/BTC", "RUNE/EUR"]
    for _ in replay.messages():
        assert all(replay.depth(s.native, 1) is not None for s in replay.symbols)
