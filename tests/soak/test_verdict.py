"""Verdict: each thing that must not be is said in a sentence of its own, and nothing is said of what is well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from tests.soak.report import lines
from tests.soak.verdict import Counts, drift, most_attempts, verdict
from tests.soak.watch import Sample

USUAL = Sample(
    at=0.0, rss=100.0, objects=1_000, tasks=50, sockets=20, events=0, down=0, restarts=0, open=8, accepted=8, cpu=0.0
)


def samples(of: Callable[[int], dict[str, Any]]) -> list[Sample]:
    """Ten minutes of them, every five seconds."""
    return [replace(USUAL, at=5.0 * number, **of(number)) for number in range(120)]


WELL = Counts(
    connections=8,
    subscriptions=40,
    seconds=600.0,
    faults={"abort": 30},
    samples=samples(lambda _: {}),
    attempts_window=30.0,
    attempts_limit=300,
    open_at_end=8,
    served_at_end=8,
    back_within=3.0,
)


def test_when_all_is_well_nothing_is_said() -> None:
    assert verdict(WELL) == []
    assert list(lines(WELL, "trio", []))[-1] == "nothing is wrong"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"gave_up": ["bot/a: it crashed"]}, "a restart intensity was exceeded: bot/a: it crashed"),
        ({"dead": ["trades:a (reset)"]}, "1 subscriptions did not come back: trades:a (reset)"),
        ({"open_at_end": 7, "served_at_end": 7}, "7 connections are open at the exchange, 8 should be"),
        ({"open_at_end": 9, "served_at_end": 9}, "9 connections are open at the exchange, 8 should be"),
        ({"served_at_end": 6}, "2 connections carry nothing"),
        ({"missing": 3}, "3 trades or aggregates are missing without a Gap"),
        ({"duplicates": 2}, "2 events came twice"),
        ({"out_of_place": 1}, "1 events or markers stand where they cannot be"),
        ({"overflows": {"bot/a": 4}}, "mailboxes overflowed: {'bot/a': 4}"),
        ({"attempts_refused": 5}, "the exchange refused 5 connection attempts as too many"),
        ({"violations": 6}, "the exchange closed 6 connections because of too many messages"),
        ({"samples": samples(lambda n: {"rss": 100.0 + n})}, "memory grew by 25.1% from the middle third to the last"),
        ({"samples": samples(lambda n: {"objects": 1_000 + n})}, "objects grew by 3.8% from the middle third to the last"),
        ({"samples": samples(lambda n: {"tasks": 50 + n})}, "tasks grew from 109.5 in the middle third to 149.5 in the last"),
        ({"samples": samples(lambda n: {"sockets": n})}, "sockets grew from 59.5 in the middle third to 99.5 in the last"),
    ],
)
def test_each_wrong_thing_is_said_alone(wrong: dict[str, Any], sentence: str) -> None:
    found = replace(WELL, **wrong)
    assert verdict(found) == [sentence]
    assert f"WRONG: {sentence}" in list(lines(found, "trio", verdict(found)))


def test_what_grows_at_first_and_then_stays_is_no_leak() -> None:
    grown = samples(lambda number: {"rss": min(100.0 + number, 130.0)})
    assert verdict(replace(WELL, samples=grown)) == []


def test_of_a_short_soak_nothing_is_said_about_memory() -> None:
    assert verdict(replace(WELL, seconds=30.0, samples=samples(lambda n: {"rss": 100.0 + n}))) == []


def test_without_samples_nothing_grows() -> None:
    assert drift([], lambda one: one.rss) == 0.0


def test_attempts_count_within_any_window() -> None:
    found = samples(lambda number: {"accepted": 10 * number if number < 60 else 600 + 2 * (number - 60)})
    assert most_attempts(found, 30.0) == 60


def test_what_piles_up_at_a_slow_reader_is_not_held_against_us() -> None:
    assert verdict(replace(WELL, violations=2, faults={"slow reader": 2})) == []
    assert verdict(replace(WELL, violations=3, faults={"slow reader": 2})) != []
