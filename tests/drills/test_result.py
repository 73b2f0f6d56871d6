"""What was reached, and what a person and a program read of it."""

from __future__ import annotations

import io

import msgspec
import pytest
from rich.console import Console

from actors.drills.plan import Client, Fault
from actors.drills.result import BACK_WITHIN, Outcome, Reach, Report, Round, reaches
from actors.drills.view import absent_line, outcome_line, print_report


def outcome(fault: Fault = Fault.ABORT, *rounds: Round, **changes: object) -> Outcome:
    made = Outcome(client=Client.OURS, fault=fault, version="1.0", rounds=list(rounds) or [Round(back=0.1)], pauses={})
    return msgspec.structs.replace(made, **changes)


def verdicts(of: Outcome) -> list[bool | None]:
    return [reach.met for reach in reaches(of)]


@pytest.mark.parametrize("fault", [Fault.ABORT, Fault.CLOSE])
def test_an_abort_or_close_is_over_in_time(fault: Fault) -> None:
    assert verdicts(outcome(fault, Round(back=BACK_WITHIN))) == [True, True, True]
    assert verdicts(outcome(fault, Round(back=BACK_WITHIN + 0.01))) == [False, True, True]
    assert verdicts(outcome(fault, Round(back=None))) == [False, True, True]


def test_times_are_judged_by_their_median() -> None:
    rounds = [Round(back=0.1), Round(back=0.1), Round(back=9.0)]
    assert verdicts(outcome(Fault.ABORT, *rounds))[0] is True


def test_a_single_lost_trade_or_double_is_a_miss() -> None:
    assert verdicts(outcome(lost=1)) == [True, False, True]
    assert verdicts(outcome(duplicates=1)) == [True, True, False]


def test_a_shutdown_must_leave_no_gap() -> None:
    assert verdicts(outcome(Fault.SHUTDOWN, Round(back=1.0, gap=0.0)))[0] is True
    assert verdicts(outcome(Fault.SHUTDOWN, Round(back=0.0, gap=0.1)))[0] is False


def test_silence_must_be_noticed_within_twice_what_the_liveliest_stream_pauses() -> None:
    pauses = {"trades:BTC/USDT": 5.0, "quotes:BTC/USDT": 1.0}
    assert verdicts(outcome(Fault.SILENCE, Round(back=3.0, noticed=2.0), pauses=pauses))[0] is True
    assert verdicts(outcome(Fault.SILENCE, Round(back=3.0, noticed=2.1), pauses=pauses))[0] is False
    assert verdicts(outcome(Fault.SILENCE, Round(back=None), pauses=pauses))[0] is False


def test_silence_is_not_judged_by_what_nobody_knows_but_must_be_noticed() -> None:
    assert verdicts(outcome(Fault.SILENCE, Round(back=3.0, noticed=2.0)))[0] is None
    assert verdicts(outcome(Fault.SILENCE, Round(back=None)))[0] is False


def test_who_failed_has_reached_nothing() -> None:
    assert verdicts(outcome(failed="it ended")) == [False]
    assert verdicts(outcome(Fault.ABORT).__class__(client=Client.OURS, fault=Fault.ABORT)) == [False]


def report(*outcomes: Outcome) -> Report:
    made = Report(backend="trio", speed=2.0, seed=0, outcomes=list(outcomes), absent=[Client.CCXT])
    made.judge()
    return made


def test_only_ours_is_judged() -> None:
    theirs = outcome(lost=1_000)
    theirs.client = Client.PYTHON_BINANCE
    assert not report(outcome(), theirs).missed
    assert report(outcome(lost=1)).missed


def test_what_cannot_be_judged_is_no_miss() -> None:
    assert not report(outcome(Fault.SILENCE, Round(back=3.0, noticed=2.0))).missed


def test_a_program_reads_what_was_written() -> None:
    made = report(outcome(Fault.SHUTDOWN, Round(back=0.5, gap=0.0), lost=2))
    assert msgspec.json.decode(msgspec.json.encode(made), type=Report) == made


def test_a_line_says_what_the_fault_has_figures_for() -> None:
    line = outcome_line(outcome(Fault.ABORT, Round(back=0.1, whole=0.2, connections=3), Round(back=0.3, whole=0.4), lost=1_234))
    assert line == (
        "TCP abort · ours 1.0: new data after 0.20 s, worst 0.30 s, all streams after 0.30 s, lost 1,234, twice 0, "
        "new links 3, median of 2"
    )


def test_a_silence_that_nobody_noticed_is_said_so() -> None:
    assert "noticed after >50 s, not noticed" in outcome_line(outcome(Fault.SILENCE, Round(back=None)))


def test_a_client_that_failed_says_why() -> None:
    failed = Outcome(client=Client.OURS, fault=Fault.ABORT, version="1.0", failed="it ended")
    assert outcome_line(failed) == "TCP abort · ours 1.0: failed: it ended"


def test_a_client_that_failed_after_some_rounds_has_these_to_show() -> None:
    line = outcome_line(outcome(failed="it ended"))
    assert line.startswith("TCP abort · ours 1.0: failed: it ended, new data after 0.10 s, ")


def test_who_is_not_here_is_named_with_what_to_type() -> None:
    assert absent_line(Client.CCXT) == "ccxt: not installed (pip install ccxt)"


def printed(made: Report, *, terminal: bool, width: int = 150) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)
    print_report(console, made)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_a_terminal_gets_a_table_of_all_clients_and_the_verdicts() -> None:
    shown = printed(report(outcome(lost=7)), terminal=True)
    assert "TCP abort" in shown
    assert "not installed" in shown
    assert "MISSED: TCP abort: 0 trades lost: 7" in shown
    assert "met: TCP abort: 0 duplicates: 0" in shown


def test_a_file_gets_lines_and_no_table() -> None:
    shown = printed(report(outcome()), terminal=False)
    assert shown.splitlines()[0] == "met: TCP abort: back within 0.3 s: 0.10 s"
    assert "│" not in shown


def test_a_verdict_that_cannot_be_given_is_named() -> None:
    made = report()
    made.reach = [Reach(what="noticed", measured="2 s", met=None)]
    assert "not judged: noticed: 2 s" in printed(made, terminal=False)


def test_a_shutdown_is_measured_by_its_gap_and_not_by_what_came_after_the_close() -> None:
    rounds = [Round(back=0.06, gap=0.0), Round(back=0.06, gap=0.0), Round(back=0.06, gap=0.4)]
    line = outcome_line(outcome(Fault.SHUTDOWN, *rounds))
    assert "new data after" not in line
    assert "worst 0.40 s" in line
    assert "gap 0.00 s" in line


@pytest.mark.parametrize("width", [80, 150])
def test_a_figure_is_never_cut(width: int) -> None:
    rounds = [Round(back=None, whole=None, noticed=22.22, connections=333)] * 10
    shown = printed(report(outcome(Fault.SILENCE, *rounds, lost=12_345, duplicates=678)), terminal=True, width=width)
    (line,) = [line for line in shown.splitlines() if line.startswith("ours")]
    assert line.split() == ["ours", *[">50", "s"] * 3, "22.22", "s", "12,345", "678", "3,330", "10"]
    assert "…" not in shown


def test_the_table_shows_the_gap_of_a_shutdown() -> None:
    shown = printed(report(outcome(Fault.SHUTDOWN, Round(back=0.06, gap=0.25))), terminal=True)
    (line,) = [line for line in shown.splitlines() if line.startswith("ours")]
    assert line.split()[:3] == ["ours", "0.25", "s"]
    assert line.count("0.25 s") == 2  # the worst, and the median
