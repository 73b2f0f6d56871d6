"""The example adapter of the guide: it keeps the contract, the guide shows its code, and what is missing in it is told."""

from __future__ import annotations

import ast
import runpy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from actors.book import Checksum
from actors.market import Level, Subscription
from actors.ports import Exchange, Frame
from actors.testing import Meaning, Recording, Rule, contract_rules, exchange_contract, load_recording

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "examples" / "08_kraken.py"
PAGE = (ROOT / "docs" / "adapters.md").read_text()
RECORDING = load_recording(EXAMPLE.with_suffix(".txt"))
NAMES: dict[str, Any] = runpy.run_path(str(EXAMPLE), run_name="kraken_example")
KRAKEN: type[Exchange] = NAMES["Kraken"]


def definitions() -> list[Any]:
    """Classes and functions of the adapter, as they are written."""
    text = EXAMPLE.read_text()
    body = ast.parse(text).body
    ours = body[: next(n for n, node in enumerate(body) if isinstance(node, ast.Assign) and "MATIC" in ast.unparse(node))]
    nodes = [node for node in ours if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    return [pytest.param(ast.get_source_segment(text, node), id=node.name) for node in nodes]


@pytest.mark.parametrize("rule", contract_rules(), ids=str)
def test_kraken_keeps_the_rule(rule: Rule) -> None:
    rule.check(KRAKEN(), RECORDING)


@pytest.mark.parametrize("source", definitions())
def test_the_guide_shows_the_code_of_the_example(source: str) -> None:
    assert f"\n{source}\n" in PAGE


def test_the_checksum_is_the_one_in_krakens_documentation() -> None:
    snapshot = next(heard for heard in RECORDING.heard if b'"type":"snapshot"' in heard.payload)

    assert snapshot.events == ({"checksum": "3310070434"},)
    assert exchange_contract(KRAKEN(), RECORDING).failures == ()


def with_checksum(compute: Checksum) -> Exchange:
    kraken: Exchange = type("OtherKraken", (KRAKEN,), {"checksum": lambda _self, bids, asks: compute(bids, asks)})()
    return kraken


def without(word: bytes) -> Recording:
    """The recording without the frames that have this in them."""
    conversations = tuple(
        evolve(one, steps=tuple(step for step in one.steps if word not in getattr(step, "payload", b"")))
        for one in RECORDING.conversations
    )
    return evolve(RECORDING, conversations=conversations)


def test_a_book_in_the_stream_without_its_snapshot_is_found() -> None:
    report = exchange_contract(KRAKEN(), without(b'"type":"snapshot"'))

    assert report.failed == ("book", "checksums")
    assert "one in the stream, as a BookSnapshot" in str(report.failures[0])


def test_a_feed_that_is_not_shown_is_told() -> None:
    (failure,) = exchange_contract(KRAKEN(), without(b'"type":"update","data":[{"symbol":"MATIC/USD","bid"')).failures

    assert (failure.rule, failure.given) == ("coverage", "no delivery of quotes")


def test_a_checksum_of_the_wrong_digits_is_found() -> None:
    def careless(bids: Sequence[Level], asks: Sequence[Level]) -> int | None:
        return KRAKEN().checksum([(price.normalize(), quantity.normalize()) for price, quantity in bids], asks)

    assert exchange_contract(with_checksum(careless), RECORDING).failed == ("checksums",)


def test_a_checksum_that_is_not_computed_is_told() -> None:
    (failure,) = exchange_contract(with_checksum(lambda _bids, _asks: None), RECORDING).failures

    assert (failure.rule, failure.given) == ("checksums", "the exchange says 3310070434, and checksum() None")


def test_levels_beyond_the_depth_fall_out_of_the_book() -> None:
    assert KRAKEN().feeds[NAMES["Feed"].BOOK].levels == NAMES["DEPTH"]


def test_numbers_of_a_later_connection_are_higher() -> None:
    conversation = RECORDING.conversations[0]
    frames = [heard for heard in conversation.heard if heard.meaning is Meaning.DELIVERY and "book" in heard.subscription]
    ids: list[int] = []
    for arrived in (100.0, 200.0):
        session = KRAKEN().session()
        session.subscribe([Subscription(KRAKEN().instrument("BTC/USD"), NAMES["Feed"].BOOK)])
        for heard in frames:
            delivery: Any = session.receive(Frame(heard.payload, arrived))
            ids += [event.sequence for event in delivery.events]

    assert ids == sorted(set(ids))
    assert len(ids) == 2 * len(frames)
