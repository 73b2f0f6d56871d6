"""`python -m benchmarks resilience`: the arithmetic, every case does its work, and a bad library costs nobody else a figure."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from benchmarks import report
from benchmarks.loops import LOOPS, installed
from benchmarks.peers.environments import NotHere
from benchmarks.report import Chosen, Ours, Theirs, render
from benchmarks.resilience import harness, overhead
from benchmarks.resilience.harness import ASYNC, CASES, Reading, WorkNotDone
from benchmarks.resilience.ours import TABLE
from benchmarks.resilience.overhead import OTHERS, OURS, TARGETS, figures_of
from benchmarks.rounds import CaseFailed, Figure, Options, Spread

FOLDER = Path(harness.__file__).parent
HERE = [loop for loop in LOOPS if installed(loop)]
SMALL = Options(rounds=1, warming=0, scale=0.001, beside=False)


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without collections of a heap as big as the tests'."""
    monkeypatch.setattr("benchmarks.resilience.harness.gc.collect", lambda: 0)


def reading(who: str = OURS, case: str = "retry", loop: str = "trio", **more: Any) -> Reading:
    return Reading(who, "1.0", case, loop, 10, more.get("guarded", [3e-7, 8e-7]), more.get("bare", [1e-7, 2e-7]))


# ---- arithmetic


def test_what_a_policy_adds_is_compared_round_by_round_with_its_own_floor() -> None:
    whole, beyond = figures_of(reading())
    assert (whole.value, whole.floor) == (Spread(550, 300, 800), Spread(150, 100, 200))
    assert whole.ratio == Spread(3.5, 3, 4)
    assert (beyond.value, beyond.target, beyond.reached) == (Spread(400, 200, 600), 400.0, True)
    assert (whole.target, whole.who, whole.done, whole.floor_is) == (None, "", "10 calls", "the await alone")


def test_targets_are_ours_alone() -> None:
    assert {figure.target for figure in figures_of(reading("hyx"))} == {None}
    assert {figure.who for figure in figures_of(reading("hyx"))} == {"hyx 1.0"}
    assert TARGETS.keys() <= CASES.keys()


def test_calls_that_cost_nothing_are_no_figure() -> None:
    with pytest.raises(CaseFailed, match="try a larger --scale"):
        figures_of(reading(bare=[0.0, 1e-7]))


@pytest.mark.usefixtures("brief")
def test_a_guard_that_returns_something_else_is_no_figure() -> None:
    with pytest.raises(WorkNotDone, match="0 of 10 calls returned what they should"):
        harness.read("it", "1", "retry-sync", lambda: lambda function: lambda number: 0, "", 1, 10)


# ---- every case does its work


@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.real_time
def test_each_of_our_policies_is_measured_on_every_loop(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overhead, "CASES", {case: CASES[case]})
    figures = overhead.resilience(SMALL)
    loops = HERE if case in ASYNC else [""]
    assert [(figure.loop, figure.done) for figure in figures] == [(loop, "10 calls") for loop in loops for _ in range(2)]
    assert {figure.case for figure in figures} == {CASES[case].what, f"{CASES[case].what}, overhead"}


def test_we_have_every_case() -> None:
    assert TABLE.keys() == CASES.keys()


# ---- the others


def test_a_script_imports_nothing_that_its_environment_does_not_have() -> None:
    for script, allowed in (("harness", set()), ("others", {"benchmarks.resilience.harness"})):
        tree = ast.parse((FOLDER / f"{script}.py").read_text(encoding="utf-8"))
        modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        modules |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
        assert {one for one in modules if one.split(".")[0] in ("benchmarks", "supervisor", "actors")} == allowed
        assert not modules & {"msgspec", "attrs", "rich", "cyclopts", "anyio"}


def test_each_library_has_cases_that_exist_and_its_version_is_pinned() -> None:
    tree = ast.parse((FOLDER / "others.py").read_text(encoding="utf-8"))
    (tables,) = [node.value for node in tree.body if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "TABLES"]
    assert isinstance(tables, ast.Dict)
    named = {ast.literal_eval(key): value for key, value in zip(tables.keys, tables.values, strict=True) if key is not None}
    assert tuple(named) == OTHERS
    for cases in named.values():
        assert isinstance(cases, ast.Dict)
        assert {ast.literal_eval(key) for key in cases.keys if key is not None} <= CASES.keys()
    lines = (FOLDER / "resilience.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.partition("==")[0] for line in lines if not line.startswith("#")}
    assert all(line.startswith("#") or "==" in line for line in lines)
    assert {*OTHERS} <= pinned


def test_a_library_that_fails_or_stands_still_is_told_and_the_others_are_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    order: list[str] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        who, case = command[3:5]
        order.append(f"{case} {who}")
        if who == "hyx":
            raise subprocess.CalledProcessError(1, command, "", "Traceback\nRuntimeError: no good\n")
        if who == "stamina":
            raise subprocess.TimeoutExpired(command, 1)
        done = "" if who == "pybreaker" else json.dumps(vars(reading(who, case)))
        return subprocess.CompletedProcess(command, 0, done)

    monkeypatch.setattr(overhead, "CASES", {case: CASES[case] for case in ("retry", "breaker")})
    monkeypatch.setattr(overhead, "python_of", lambda *_, **__: "python")
    monkeypatch.setattr(overhead.subprocess, "run", run)
    figures = overhead.resilience(Options(rounds=1))
    assert [figure.who for figure in figures if figure.case == "retry, async call"] == [
        "",
        "tenacity 1.0",
        "purgatory 1.0",
        "aiobreaker 1.0",
    ]
    told = capsys.readouterr().err
    assert "retry of hyx failed: RuntimeError: no good" in told
    assert "retry of stamina was not done within" in told
    assert (order[0], order[len(OTHERS) + 1]) == ("retry oneforone", "breaker tenacity")


def test_one_of_ours_that_fails_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        raise subprocess.CalledProcessError(1, command, "", "RuntimeError: no good\n")

    monkeypatch.setattr(overhead, "python_of", lambda *_, **__: "python")
    monkeypatch.setattr(overhead.subprocess, "run", run)
    with pytest.raises(CaseFailed, match="breaker-sync of oneforone failed: RuntimeError: no good"):
        overhead.resilience(Options(rounds=1))


def test_without_the_others_environment_ours_are_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nowhere(*_: object, **__: object) -> str:
        raise NotHere("it cannot be installed, pip says: ERROR: no network")

    monkeypatch.setattr(overhead, "python_of", nowhere)
    monkeypatch.setattr(overhead, "CASES", {"retry": CASES["retry"]})
    line = json.dumps(vars(reading()))
    monkeypatch.setattr(overhead.subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0, line))
    assert [figure.who for figure in overhead.resilience(Options(rounds=1))] == ["", ""]
    assert "no other library is measured: it cannot be installed" in capsys.readouterr().err


@pytest.mark.real_time
@pytest.mark.slow
def test_the_script_prints_a_line_for_each_loop() -> None:
    command = [sys.executable, "-m", "benchmarks.resilience.ours", OURS, "retry", "--rounds", "2", "--calls", "300", "--brief"]
    lines = subprocess.run(command, cwd=FOLDER.parent.parent, check=True, capture_output=True, text=True).stdout.splitlines()
    found = [Reading(**json.loads(line)) for line in lines]
    assert [one.loop for one in found] == HERE
    assert {len(one.guarded) for one in found} == {2}
    assert all(200 <= one.calls <= 300 for one in found)


# ---- the page


def measured(figures: list[Figure], day: int = 1) -> Ours:
    return Ours(datetime(2026, 1, day, tzinfo=UTC), "a machine", Chosen(7), {"resilience": figures})


def page(ours: Ours, apart: Ours | None = None) -> str:
    theirs = Theirs(datetime(2026, 1, 1, tzinfo=UTC), "another", 5, [])
    return render(ours, theirs, "Read this.\n\n## Why\n\n- because\n", apart)


BOTH = [figure for who in (OURS, "hyx") for figure in figures_of(reading(who))]
NOTHING = Ours(datetime(2026, 1, 1, tzinfo=UTC), "a machine", Chosen(7), {})


def test_policies_have_a_part_of_the_page_with_the_others_beside_them() -> None:
    made = page(measured(BOTH))
    assert (
        "| **retry, async call, overhead**, ns; 10 calls; floor: the await alone | trio | 400 (200 to 600) | ≤ 400 | yes |"
        in made
    )
    assert "| case | loop | oneforone | hyx 1.0 |" in made
    assert "| retry, async call | trio | 550 (300 to 800) | 550 (300 to 800) |" in made
    assert "**1 of 1 targets are reached" in made


def test_without_figures_there_is_no_such_part() -> None:
    assert "Policies of resilience" not in page(NOTHING)


def test_policies_that_were_measured_by_themselves_say_when_and_where() -> None:
    made = page(NOTHING, measured(BOTH, day=2))
    assert "[Measured by themselves](performance/resilience.json), 2026-01-02 00:00 UTC, 7 rounds, on a machine." in made
    assert "**1 of 1 targets are reached" in made


def test_of_two_measurements_the_later_one_counts() -> None:
    slow = figures_of(reading(guarded=[9e-6, 9e-6]))
    assert "Measured by themselves" not in page(measured(BOTH, day=3), measured(slow, day=2))
    assert "**0 of 1 targets are reached" in page(measured(BOTH, day=2), measured(slow, day=3))


def test_the_file_is_kept_beside_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "FOLDER", tmp_path)
    monkeypatch.setattr(report, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(report, "draw", lambda *_: [])
    theirs = Theirs(datetime(2026, 1, 1, tzinfo=UTC), "another", 5, [])
    for name, content in (("bench.json", NOTHING), ("peers.json", theirs), ("given.json", measured(BOTH))):
        (tmp_path / name).write_bytes(msgspec.json.encode(content))
    (tmp_path / "notes.md").write_text("Read this.\n\n## Why\n\n- because\n", encoding="utf-8")
    assert report.report(resilience=tmp_path / "given.json") == 0
    first = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "Policies of resilience" in first
    assert (tmp_path / "resilience.json").read_bytes() == (tmp_path / "given.json").read_bytes()
    assert report.report() == 0
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == first
    assert report.report(resilience=tmp_path / "missing.json") == 2
