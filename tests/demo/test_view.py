"""What a person sees, at the widths of terminals."""

from __future__ import annotations

import io

import pytest
from attrs import evolve
from rich.console import Console

from actors.demo.plan import make_plan
from actors.demo.report import PhaseResult, Report
from actors.demo.view import dashboard, phase_line, print_report
from actors.vitals import HealthLevel
from supervisor import ChildSnapshot, TreeSnapshot
from tests.demo.runs import SYMBOLS, good_run

WIDTHS = (80, 150)


def child(id_: str, above: str = "bot", **changes: object) -> ChildSnapshot:
    fields: dict[str, object] = {
        "id": id_, "path": f"{above}/{id_}", "kind": "actor", "phase": "running", "incarnation": 1, "restart": "permanent",
        "uptime": 1.0, "failures": 0, "restarts_in_window": 0, "restarts_allowed": 5, "backoff_left": None, "last_exit": None,
        "mailbox": 0, "dropped": 0,
    }  # fmt: skip
    return ChildSnapshot(**{**fields, **changes})


TREE = TreeSnapshot(
    tree_id="tree",
    at=5.0,
    root=child(
        "bot",
        "",
        kind="supervisor",
        mailbox=None,
        children=(
            child("BTCUSDT", phase="restarting", incarnation=3, restarts_in_window=2, backoff_left=0.4, uptime=None),
            child("ETHUSDT", mailbox=1_234_567),
            child("parked", phase="gave up", incarnation=6, last_exit="FloodOfBadFrames: 20 unusable frames"),
            child("[/red] brackets", phase="stopped", incarnation=0, uptime=None),
            child("a name that is much longer than a column of a narrow terminal can ever be" * 2),
        ),
    ),
)


def shown(width: int, renderable: object) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(renderable)
    return out.getvalue()


def picture(width: int, results: list[PhaseResult]) -> str:
    return shown(
        width,
        dashboard(
            TREE,
            rates={"bot/BTCUSDT": 12.4, "bot/nobody": 1.0},
            health={"BTCUSDT": HealthLevel.CRITICAL, "ETHUSDT": HealthLevel.HEALTHY, "": HealthLevel.UNKNOWN},
            plan=make_plan(SYMBOLS, 0),
            results=results,
            happened=["── steady", "breaker of stream-1: closed → open", "a [bracket]"],
            elapsed=12.0,
        ),
    )


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("over", [0, 3, 8])
def test_the_dashboard_fits_the_terminal(width: int, over: int) -> None:
    lines = picture(width, good_run().results[:over]).splitlines()
    assert max(len(line) for line in lines) <= width
    assert f"{over}/8 phases" in lines[0]


@pytest.mark.parametrize("width", WIDTHS)
def test_the_dashboard_shows_the_state_of_each_child(width: int) -> None:
    text = picture(width, [])
    assert all(word in text for word in ("restart", "gave up", "0.4 s", "2/5", "12", "crit"))


def test_names_with_brackets_are_shown_as_they_are() -> None:
    assert "[/red] brackets" in picture(150, [])


@pytest.mark.parametrize("width", WIDTHS)
def test_the_trouble_of_a_phase_is_shown(width: int) -> None:
    results = [evolve(good_run().results[0], trouble="no consumer saw [it]")]
    assert "no consumer saw [it]" in picture(width, results)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("report", [good_run(), Report()], ids=["good", "cut short"])
def test_the_report_of_a_good_run_says_so(width: int, report: Report) -> None:
    out = io.StringIO()
    print_report(Console(file=out, width=width), report)
    assert "all invariants hold" in out.getvalue()
    assert max(len(line) for line in out.getvalue().splitlines()) <= width


@pytest.mark.parametrize("width", WIDTHS)
def test_the_report_of_a_bad_run_says_what_is_broken(width: int) -> None:
    report = good_run()
    report.lost = ["trades:binance:BTC/USDT"]
    report.restarted = {"book [BTC]": 1}
    out = io.StringIO()
    print_report(Console(file=out, width=width), report)
    assert "BROKEN" in out.getvalue()
    assert "trades:binance:BTC/USDT delivers no more" in out.getvalue()
    assert "book [BTC] 1" in out.getvalue()


def test_a_phase_is_one_plain_line() -> None:
    result = good_run().results[1]
    assert phase_line(3.21, result) == "[  3.2 s] ✓ sockets aborted: recovered in 0.50 s · 100+ quotes compared"


def test_a_phase_with_trouble_says_what_it_was() -> None:
    result = evolve(good_run().results[1], trouble="nobody came back")
    assert phase_line(3.0, result) == "[  3.0 s] ✗ sockets aborted: nobody came back"
