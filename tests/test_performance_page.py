"""`docs/performance.md` is what `make bench-report` makes of the figures that lie beside it: nothing in it is typed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest

from benchmarks import report
from benchmarks.comparison import Comparison, short
from benchmarks.plots import PLOTS, compared, draw, reached
from benchmarks.report import FOLDER, PAGE, Ours, Theirs, render, written

NOTES = "Read this first.\n\n## What was found\n\nA thing | and another.\n\n## Why\n\n- because\n"


def spread(median: float) -> dict[str, float]:
    return {"median": median, "low": median / 2, "high": median * 2}


def figure(case: str, median: float, **more: Any) -> dict[str, Any]:
    return {
        "case": case,
        "loop": "trio",
        "done": "7 messages",
        "unit": "million/s",
        "value": spread(median),
        "higher": True,
    } | more


def ours(figures: dict[str, list[dict[str, Any]]], **more: Any) -> Ours:
    """A report of `python -m benchmarks`."""
    chosen = {"rounds": 7, "seconds": 180.0, "limit": None, "loops": ["trio"], "scale": 1.0} | more.pop("chosen", {})
    whole = {"at": "2026-01-02T03:04:05Z", "machine": "a machine", "versions": {}, "chosen": chosen, "figures": figures} | more
    return msgspec.convert(whole, Ours)


def theirs(*lines: dict[str, Any]) -> Theirs:
    """A report of `python -m benchmarks.peers`."""
    whole = {"at": "2026-01-02T04:05:06Z", "machine": "another", "rounds": 5, "seconds": 9.0, "figures": lines}
    return msgspec.convert(whole, Theirs)


def line(peer: str, case: str, median: float | None = None, **more: Any) -> dict[str, Any]:
    value = None if median is None else spread(median)
    return {"peer": peer, "case": case, "unit": "million/s", "version": "1.0" if value else "", "value": value} | more


def page(figures: list[dict[str, Any]], *lines: dict[str, Any], **more: Any) -> str:
    return render(ours({"tell": figures}, **more), theirs(*lines), NOTES)


def cells(page: str, start: str) -> list[str]:
    """Those of the first row that begins so."""
    return [cell.strip() for cell in next(row for row in page.splitlines() if row.startswith(start)).strip("|").split("|")]


# ---- oneforone by itself


def test_a_figure_that_misses_its_target_is_shown_as_missed_with_by_how_much() -> None:
    lying = figure("x", 2.0, target=2.5, reached=True)
    assert cells(page([lying]), "| **tell: x**")[1:5] == ["trio", "2.00 (1.00 to 4.00)", "≥ 2.5", "**no**: 20 % short"]


def test_a_cost_that_misses_its_target_is_over_it() -> None:
    missed = figure("x", 30.0, unit="µs", higher=False, target=20.0, decimals=1)
    assert cells(page([missed]), "| **tell: x**")[2:5] == ["30.0 (15.0 to 60.0)", "≤ 20", "**no**: 50 % over"]


def test_a_miss_by_a_hair_is_no_miss_by_nothing() -> None:
    assert cells(page([figure("x", 2.4999, target=2.5)]), "| **tell: x**")[4] == "**no**: less than 1 % short"


def test_a_figure_that_reaches_its_target_says_so_and_nothing_is_missed() -> None:
    made = page([figure("x", 2.5, target=2.5)])
    assert cells(made, "| **tell: x**")[4] == "yes"
    assert "**1 of 1 targets are reached" in made
    assert "## What is missed\n\nNothing.\n" in made


def test_the_ratio_to_the_floor_has_a_verdict_of_its_own() -> None:
    both = figure("x", 3.0, target=2.5, floor=spread(6.0), floor_is="a call", ratio=spread(2.2), target_ratio=2.0)
    made = page([both])
    assert "7 messages; floor: a call" in cells(made, "| **tell: x**")[0]
    assert cells(made, "| **tell: x**")[4:] == [
        "yes",
        "6.00 (3.00 to 12.00)",
        "2.20 (1.10 to 4.40)",
        "2.00",
        "**no**: 10 % over",
    ]
    assert cells(made, "| tell: x") == [
        "tell: x",
        "trio",
        "3.00 million/s",
        "≥ 2.5",
        "yes",
        "2.20",
        "2.00",
        "**no**: 10 % over",
    ]


def test_a_bar_in_a_name_does_not_end_its_cell() -> None:
    assert "| **tell: a \\| b**, million/s; 7 messages |" in page([figure("a | b", 1.0)])


def test_a_case_that_is_in_no_group_is_not_left_out() -> None:
    made = render(ours({"tell": [figure("x", 1.0)], "brand-new": [figure("y", 1.0)]}), theirs(), NOTES)
    assert made.index("## Messages") < made.index("## Others") < made.index("**brand-new: y**")


def test_a_quick_run_and_what_failed_are_told_before_the_first_figure() -> None:
    made = page([figure("x", 1.0)], chosen={"scale": 0.1}, failures=["ring: hops: 3 of 10"], skipped=["no uvloop"])
    start = made.partition("## ")[0]
    for said in ("A quick run: 0.1 of the work", "- ring: hops: 3 of 10", "- no uvloop", "a machine", "2026-01-02 03:04 UTC"):
        assert said in start


def test_the_notes_open_and_close_the_page_as_they_were_written() -> None:
    made = page([figure("x", 1.0)])
    assert made.endswith("## What was found\n\nA thing | and another.\n\n## Why\n\n- because\n")
    assert made.index("Read this first.") < made.index("## Messages")


# ---- beside others


def test_ours_come_first_and_who_has_no_figure_says_why_below() -> None:
    made = page(
        [],
        line("pykka", "tell-1-1", 0.3, ratio=spread(25.0)),
        line("triotp", "tell-1-1", cannot="it will | not"),
        line("erlang", "tell-1-1", failed="exit code 1"),
        line("mode", "tell-1-1", failed="exit code 1"),
        line("oneforone (trio)", "tell-1-1", 1.34, ratio=spread(4.5)),
    )
    assert cells(made, "| case | unit |") == ["case", "unit", "oneforone (trio) 1.0", "pykka 1.0", "triotp", "mode", "erlang"]
    row = "| tell 1→1 in bursts of 100, synchronous handler |"
    assert cells(made, row)[1:] == ["million/s", "1.34", "0.300", "cannot <sup>1</sup>", *["failed <sup>2</sup>"] * 2]
    assert "1. triotp cannot: it will | not\n2. mode, erlang failed: exit code 1\n" in made
    assert cells(made[made.index("How many times its own floor") :], row)[1:] == ["4.50", "25.0", "", "", ""]


def test_a_reason_of_one_peer_for_two_cases_is_told_once() -> None:
    made = page([], *(line("xoscar", case, cannot="no") for case in ("tell-1-1", "tell-10-1")), line("mode", "stop", 1.0))
    assert made.count("<sup>1</sup>") == 2
    assert "\n1. xoscar cannot: no\n\n" in made


def test_a_reason_counts_for_each_percentile_of_its_case() -> None:
    comparison = Comparison(
        theirs(line("mode", "crash-p50", 66.0), line("mode", "crash-p99", 99.0), line("xoscar", "crash", cannot="no")).figures
    )
    assert comparison.figures == ["crash-p50", "crash-p99"]
    reasons = [comparison.line(name, "xoscar") for name in comparison.figures]
    assert [reason and reason.cannot for reason in reasons] == ["no", "no"]


def test_a_case_of_ours_that_failed_is_told_on_each_loop() -> None:
    lines = theirs(line("oneforone (trio)", "tell-1-1", 1.0), line("oneforone", "stop", failed="late")).figures
    found = Comparison(lines).line("stop", "oneforone (trio)")
    assert found is not None
    assert found.failed == "late"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.336, "1.34"),
        (24.91, "24.9"),
        (99.96, "100"),
        (1672.5, "1,670"),
        (0.00326, "0.00326"),
        (0.00001234, "1.2e-05"),
        (0.0, "0"),
    ],
)
def test_a_number_is_told_by_the_digits_that_count(value: float, text: str) -> None:
    assert short(value) == text


# ---- plots


def test_the_plot_of_targets_shows_how_much_of_each_is_reached() -> None:
    figures = ours(
        {
            "tell": [figure("more", 1.5, target=3.0), figure("no target", 1.0), figure("far", 0.01, target=3.0)],
            "crash": [figure("less", 40.0, higher=False, target=20.0), figure("nothing", -1.0, higher=False, target=5.0)],
        }
    ).named
    assert reached(figures) == {
        "tell: more": {"trio": 0.5},
        "tell: far": {"trio": 0.1},
        "crash: less": {"trio": 0.5},
        "crash: nothing": {"trio": 10.0},
    }


def test_a_plot_that_nobody_has_figures_for_is_not_on_the_page() -> None:
    made = page([figure("x", 1.0)], line("pykka", "ask-100", 1.0), line("pykka", "tell-1-1", cannot="no"))
    assert re.findall(r"performance/(\w+\.svg)", made) == ["asks.svg"]


def test_a_plot_says_who_has_no_figure() -> None:
    lines = theirs(line("pykka", "ask-100", 1.0), line("thespian", "ask-100", cannot="no"), line("mode", "stop", failed="late"))
    plot = next(plot for plot in PLOTS if "ask-100" in plot.figures)
    (panel,) = compared(plot, Comparison(lines.figures))
    assert {mark.name: mark.absent for mark in panel.marks} == {"pykka": "", "thespian": "cannot", "mode": "not measured"}


@pytest.mark.slow
def test_the_same_figures_make_the_same_plots(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    figures = ours({"tell": [figure("x", 1.0, target=2.0)]}).named
    comparison = Comparison(theirs(line("pykka", "stop", 1.0, floor=spread(0.5)), line("mode", "stop", cannot="no")).figures)
    made = []
    for name in ("once", "again"):
        (tmp_path / name).mkdir()
        made.append([(file.name, file.read_bytes()) for file in draw(tmp_path / name, figures, comparison)])
    assert made[0] == made[1]
    assert [name for name, _ in made[0]] == ["targets.svg", "crowds.svg"]


# ---- the page that is there


def test_the_page_is_what_the_figures_beside_it_make() -> None:
    assert PAGE.read_text(encoding="utf-8") == written(FOLDER), "run `make bench-report`"


def test_each_plot_of_the_page_is_there_and_each_link_leads_somewhere() -> None:
    text = PAGE.read_text(encoding="utf-8")
    shown = re.findall(r"!\[[^\]]{9,}\]\(performance/(\w+\.svg)\)", text)
    assert set(shown) <= {plot.file for plot in PLOTS}
    for file in shown:
        root = ET.parse(FOLDER / file).getroot()  # noqa: S314  # our own file
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
    for link in re.findall(r"\]\(((?!http|#)[^)#]+)\)", text):
        assert (PAGE.parent / link).resolve().exists(), link


# ---- the command


def test_a_file_that_is_no_report_is_refused_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(report, "FOLDER", tmp_path)
    monkeypatch.setattr(report, "PAGE", tmp_path / "page.md")
    wrong = tmp_path / "wrong.json"
    wrong.write_text("{}")
    good = tmp_path / "good.json"
    good.write_bytes(msgspec.json.encode(ours({})))
    assert report.report(good, wrong) == 2
    assert "wrong.json is not what `python -m benchmarks.peers --json FILE` writes" in capsys.readouterr().err
    assert sorted(file.name for file in tmp_path.iterdir()) == ["good.json", "wrong.json"]


def test_the_files_are_kept_beside_the_page_and_the_next_page_needs_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "FOLDER", tmp_path)
    monkeypatch.setattr(report, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(report, "draw", lambda *_: [])
    (tmp_path / "notes.md").write_text(NOTES)
    given = []
    for name, content in (("b", ours({"tell": [figure("x", 1.0)]})), ("p", theirs(line("pykka", "stop", 1.0)))):
        given.append(tmp_path / name)
        given[-1].write_bytes(msgspec.json.encode(content))
    assert report.report(*given) == 0
    first = (tmp_path / "page.md").read_text()
    assert "**tell: x**" in first
    (tmp_path / "page.md").unlink()
    assert report.report() == 0
    assert (tmp_path / "page.md").read_text() == first


def test_without_matplotlib_the_page_is_made_and_the_plots_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(*_: object) -> list[Path]:
        raise ImportError("No module named 'matplotlib'")

    for name, content in (("bench.json", ours({})), ("peers.json", theirs())):
        (tmp_path / name).write_bytes(msgspec.json.encode(content))
    (tmp_path / "notes.md").write_text(NOTES)
    monkeypatch.setattr(report, "FOLDER", tmp_path)
    monkeypatch.setattr(report, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(report, "draw", missing)
    assert report.report() == 1
    assert "pip install" in capsys.readouterr().err
    assert (tmp_path / "page.md").exists()
