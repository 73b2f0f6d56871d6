"""The report: each invariant that breaks is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve

from actors.demo.plan import Fault
from actors.demo.report import ENOUGH, Report
from tests.demo.runs import SYMBOLS, good_run


def with_result(report: Report, fault: Fault, **changes: Any) -> Report:
    report.results = [evolve(result, **changes) if result.phase.fault is fault else result for result in report.results]
    return report


def test_of_a_good_run_nothing_is_broken() -> None:
    assert good_run().broken() == []


BREAK: dict[str, tuple[Callable[[Report], object], str]] = {
    "a phase went wrong": (lambda r: with_result(r, Fault.STALL, trouble="not everything delivers again"), "silent stall: not"),
    "a subscription is lost": (lambda r: r.lost.append("trades:binance:BTC/USDT"), "trades:binance:BTC/USDT"),
    "a quote disagrees": (lambda r: setattr(r, "agreed", 1599), "1 of 1600 quotes disagree"),
    "too few were compared": (
        lambda r: with_result(r, Fault.CLOSE, compared={SYMBOLS[0]: ENOUGH - 1, SYMBOLS[1]: ENOUGH}),
        "clean close: fewer than 100",
    ),
    "a gap was not repaired": (lambda r: setattr(r, "gaps_repaired", 3), "1 of 4 gaps"),
    "events were dropped": (lambda r: setattr(r, "dropped", 7), "7 events were dropped"),
    "too many messages were sent": (lambda r: setattr(r, "violations", 2), "closed 2 connections"),
    "the recording is damaged": (lambda r: setattr(r, "unreadable", "a.gz, line 7: damaged data"), "line 7: damaged"),
    "the breaker never moved": (lambda r: setattr(r, "breaker", []), "it never moved"),
    "the breaker did not close": (lambda r: setattr(r, "breaker", ["open"]), "open"),
}


@pytest.mark.parametrize(("spoil", "named"), BREAK.values(), ids=BREAK)
def test_each_invariant_that_breaks_is_named(spoil: Callable[[Report], object], named: str) -> None:
    report = good_run()
    spoil(report)
    (broken,) = report.broken()
    assert named in broken


def test_all_that_is_broken_is_named() -> None:
    report = good_run()
    for spoil, _ in list(BREAK.values())[:7]:
        spoil(report)
    assert len(report.broken()) == 7


def test_a_run_without_a_refusing_endpoint_needs_no_breaker() -> None:
    report = good_run()
    report.results = [result for result in report.results if result.phase.fault is not Fault.REFUSE]
    report.breaker = []
    assert report.broken() == []


def test_a_symbol_that_was_never_compared_is_missed() -> None:
    report = with_result(good_run(), Fault.ABORT, compared=dict.fromkeys(SYMBOLS, 0))
    assert len(report.broken()) == 1


def test_phases_without_a_fault_are_not_counted_as_faults() -> None:
    report = good_run()
    assert (report.injected, report.recovered) == (len(Fault) - 1, len(Fault) - 1)


def test_a_fault_with_trouble_is_injected_and_not_recovered() -> None:
    report = with_result(good_run(), Fault.ABORT, trouble="no", recovered_in=None)
    assert report.injected - report.recovered == 1


def test_the_time_to_recover_is_the_median_and_the_worst() -> None:
    report = with_result(good_run(), Fault.STALL, recovered_in=4.25)
    assert dict(report.lines())["time to recover"] == "median 0.50 s, worst 4.25 s"


def test_a_run_that_was_cut_short_has_its_figures() -> None:
    lines = dict(Report().lines())
    assert lines["time to recover"] == "nothing to recover"
    assert lines["restarts"] == "0"


def test_the_fewest_comparisons_are_shown_by_symbol() -> None:
    report = with_result(good_run(), Fault.GAP, compared={SYMBOLS[0]: 120, SYMBOLS[1]: 101})
    assert dict(report.lines())["fewest compared in a phase"] == "BTC/USDT 100, ETH/USDT 100"


def test_skipped_lines_of_a_recording_are_told_with_the_first_and_why() -> None:
    report = good_run()
    names = [name for name, _ in report.lines()]
    report.skipped, report.first_skipped = 82, "line 3: it does not begin with a time"
    assert "lines of the recording skipped" not in names
    assert dict(report.lines())["lines of the recording skipped"] == "82, the first line 3: it does not begin with a time"
