"""`make bench-peers`: the arithmetic, that no case is left out silently, and that a bad peer costs nobody else a figure."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks.peers import __main__ as program
from benchmarks.peers import environments, floors, harness, on_erlang, trio_floors
from benchmarks.peers.__main__ import Measuring, RunFailed
from benchmarks.peers.environments import PEERS, NotHere, Peer
from benchmarks.peers.harness import CASES, Latencies, Measured, Plan, WorkNotDone
from benchmarks.peers.lines import OURS, Line, copied, parse, table
from benchmarks.rounds import Spread

FOLDER = Path(harness.__file__).parent
SCRIPTS = sorted({peer.script.rpartition(".")[2] for peer in PEERS} - {"on_erlang"})
ANYWHERE = {"harness", "floors", "trio_floors"}
"""Modules of ours that a peer's script may import: they need nothing but the standard library, and trio where a peer has it."""


# ---- arithmetic


@pytest.mark.parametrize(
    ("unit", "figure"),
    [("million/s", 0.0005), ("thousand/s", 0.5), ("µs", 2000.0), ("µs/actor", 2000.0), ("bytes", 0.002)],
)
def test_a_measure_is_told_in_its_unit(unit: str, figure: float) -> None:
    assert harness.scaled(unit, Measured(1000, 2.0)) == pytest.approx(figure)


def test_a_figure_is_the_median_of_the_rounds_and_each_round_is_compared_with_its_own_floor() -> None:
    cases, floors = (
        [Measured(10, 1.0), Measured(10, 8.0), Measured(10, 4.0)],
        [Measured(10, 1.0), Measured(10, 2.0), Measured(10, 2.0)],
    )
    (line,) = harness.figures("ask-in-turn", cases, floors, "a note")
    assert line["value"] == pytest.approx({"median": 0.0025, "low": 0.00125, "high": 0.01})
    assert line["floor"] == pytest.approx({"median": 0.005, "low": 0.005, "high": 0.01})
    assert line["ratio"] == {"median": 2.0, "low": 1.0, "high": 4.0}
    assert (line["done"], line["note"]) == ("10 a round, 3 rounds", "a note")


def test_latencies_give_a_figure_for_each_percentile() -> None:
    lines = harness.figures("crash", [Latencies([n / 1e6 for n in range(1, 101)])], [], "")
    found = {line["case"]: line["value"]["median"] for line in lines}
    assert found == pytest.approx({"crash-p50": 51.0, "crash-p99": 100.0, "crash-worst": 100.0})


def test_floor_and_case_alternate_and_the_first_round_does_not_count() -> None:
    order: list[str] = []

    def side(name: str) -> Measured:
        order.append(name)
        return Measured(len(order), 1.0)

    cases, floors = harness.rounds_of(Plan(lambda: side("case"), lambda: side("floor")), 2)
    assert order == ["floor", "case"] * 3
    assert (cases, floors) == ([Measured(4, 1.0), Measured(6, 1.0)], [Measured(3, 1.0), Measured(5, 1.0)])


def test_work_that_was_not_done_is_an_error() -> None:
    with pytest.raises(WorkNotDone, match="messages handled: 99, and not 100"):
        harness.check(99, 100, "messages handled")


def test_the_floor_of_erlang_is_measured_before_and_after() -> None:
    order: list[str] = []

    def floor() -> Measured:
        order.append("floor")
        return Measured(1, 1.0)

    def work() -> list[Any]:
        order.append("work")
        return []

    assert on_erlang.around(floor, work, 3) == ([], [Measured(1, 1.0)] * 3)
    assert order == ["floor", "floor", "floor", "work", "floor"]


@pytest.mark.parametrize(("line", "round_"), [("[10, 0.5]", Measured(10, 0.5)), ("[0.1,0.2,0.3]", Latencies([0.1, 0.2, 0.3]))])
def test_what_erlang_prints_is_a_round(line: str, round_: harness.Round) -> None:
    assert on_erlang.parsed(line) == round_


# ---- the floors


@pytest.mark.real_time
def test_a_floor_does_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trio_floors, "SWITCHES", 300)
    monkeypatch.setattr(trio_floors, "CRASHES", 5)
    monkeypatch.setattr(harness.gc, "collect", lambda *_: 0)  # of a heap as big as the tests'
    assert floors.deque_and_call(10, 2000).done == 2000
    assert [floor(200).done for floor in (floors.asyncio_switches, floors.thread_switches)] == [100, 100]
    assert [floor(200).done for floor in (floors.asyncio_served, floors.thread_served)] == [200, 200]
    assert (trio_floors.switches().done, trio_floors.served().done) == (150, 300)
    assert (floors.asyncio_started(20).done, floors.threads_started(3).done, trio_floors.started(20).done) == (20, 3, 20)
    for replaced in (floors.asyncio_replaced(5), floors.threads_replaced(5), trio_floors.replaced()):
        assert len(replaced.seconds) == 5
        assert all(0 < took < 10 for took in replaced.seconds)


# ---- no case is left out


def table_of(script: str) -> ast.Dict:
    """The TABLE of a script, which cannot be imported here."""
    for node in ast.parse((FOLDER / f"{script}.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "TABLE" and isinstance(node.value, ast.Dict):
            return node.value
    raise AssertionError(f"{script} has no TABLE")


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_peer_runs_each_case_or_says_why_not(script: str) -> None:
    found = table_of(script)
    assert sorted(ast.literal_eval(key) for key in found.keys if key is not None) == sorted(CASES)
    for value in found.values:
        assert isinstance(value, ast.Call)
        assert ast.unparse(value.func) in ("Plan", "Cannot")


def test_erlang_runs_each_case() -> None:
    assert sorted(on_erlang.FLOORS) == sorted(CASES)


def test_oneforone_has_a_figure_for_each_case() -> None:
    found = {harness.case_of(case) for _, wanted in OURS.values() for _, case, _ in wanted}
    assert found == set(CASES)


@pytest.mark.parametrize("script", [*SCRIPTS, *sorted(ANYWHERE)])
def test_a_script_imports_nothing_that_its_environment_does_not_have(script: str) -> None:
    tree = ast.parse((FOLDER / f"{script}.py").read_text(encoding="utf-8"))
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules += [name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names]
    ours = {module for module in modules if module.split(".")[0] in ("benchmarks", "supervisor", "actors")}
    assert ours <= {f"benchmarks.peers.{name}" for name in (*ANYWHERE, "on_thespian")}
    for banned in ("msgspec", "attrs", "rich", "cyclopts", "anyio"):
        assert banned not in modules


@pytest.mark.parametrize("peer", [peer for peer in PEERS if peer.requirements], ids=lambda peer: peer.name)
def test_what_is_installed_is_pinned(peer: Peer) -> None:
    lines = (FOLDER / f"{peer.requirements}.txt").read_text(encoding="utf-8").splitlines()
    assert all(line.startswith("#") or "==" in line for line in lines)
    assert len(lines) > 1


# ---- bad peers

GOOD = '{"peer": "good", "case": "crash-p50", "unit": "µs", "value": {"median": 2, "low": 1, "high": 3}, "done": "it"}'


def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, body: str) -> Peer:
    """A peer whose script is this text; it runs in our own environment."""
    (tmp_path / f"{name}.py").write_text(body, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return Peer(name, name)


@pytest.mark.real_time
@pytest.mark.slow
def test_a_peer_that_crashes_or_stands_still_or_says_nothing_is_told_and_the_others_are_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    peers = [
        fake(monkeypatch, tmp_path, "broken", "raise RuntimeError('no good')"),
        fake(monkeypatch, tmp_path, "stuck", "import time; time.sleep(600)"),
        fake(monkeypatch, tmp_path, "mute", "print('hello')"),
        fake(monkeypatch, tmp_path, "good", f"print({GOOD!r})"),
    ]
    runners = program.runners(peers, Measuring(rounds=1, within=2.0), lambda _: None)
    found = {line.peer: line for line in program.measure(runners, ["crash"], lambda _: None)}
    assert found["broken"].failed == "exit code 1: RuntimeError: no good"
    assert found["stuck"].failed == "not done within 2 s"
    assert found["mute"].failed == "it printed no figure: 'hello\\n'"
    assert found["good"].value == Spread(2, 1, 3)


@pytest.mark.real_time
@pytest.mark.slow
def test_what_a_peer_leaves_behind_is_killed_with_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    left = tmp_path / "left"
    child = f"import time, pathlib; time.sleep(1); pathlib.Path({str(left)!r}).touch()"
    script = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}]); print({GOOD!r})"
    fake(monkeypatch, tmp_path, "leaves", script)
    assert parse(Measuring(1).output([sys.executable, "-m", "leaves"]))
    with pytest.raises(RunFailed, match=r"not done within 1\.5 s"):
        Measuring(1).output([sys.executable, "-c", "import time; time.sleep(9)"], 1.5)
    assert not left.exists()


def test_a_peer_that_cannot_be_installed_says_so_for_each_case(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(peer: Peer) -> str:
        raise NotHere("it cannot be installed, pip says: ERROR: no such thing")

    monkeypatch.setattr(program, "python_of", nowhere)
    runners = program.runners([Peer("gone", "gone", "gone")], Measuring(1), lambda _: None)
    lines = program.measure(runners, ["crash", "memory"], lambda _: None)
    assert [(line.case, line.cannot) for line in lines] == [
        (case, "it cannot be installed, pip says: ERROR: no such thing") for case in ("crash", "memory")
    ]


def test_a_program_that_is_not_in_path_is_named() -> None:
    with pytest.raises(NotHere, match=r"^no-such-program is not in PATH"):
        environments.python_of(Peer("erlang", "on_erlang", tool="no-such-program"))


@pytest.mark.real_time
@pytest.mark.slow
def test_what_pip_refuses_is_told_and_tried_again_next_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = environments._run
    monkeypatch.setattr(environments, "_run", lambda what, *args, **kwargs: what == "pip" and run(what, *args, **kwargs))
    (tmp_path / "odd.txt").write_text("this is no requirement\n", encoding="utf-8")
    python, stamp = tmp_path / "envs" / "odd" / "bin" / "python", tmp_path / "envs" / "odd" / "installed.txt"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    with pytest.raises(NotHere, match="it cannot be installed, pip says: ERROR: Invalid requirement"):
        environments.python_of(Peer("odd", "odd", "odd"), tmp_path / "envs", tmp_path)
    assert not stamp.exists()


def test_an_environment_that_is_as_wanted_is_not_built_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(environments, "_run", lambda *args, **kwargs: pytest.fail("it was built"))
    python = tmp_path / "envs" / "as" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    for file in (tmp_path / "as.txt", tmp_path / "envs" / "as" / "installed.txt"):
        file.write_text("pykka==4.5.0\n", encoding="utf-8")
    assert environments.python_of(Peer("as", "as", "as"), tmp_path / "envs", tmp_path) == str(python)


# ---- the report


def test_our_own_figures_are_copied_for_each_loop_in_the_peers_units() -> None:
    one = {"done": "100,000 actors", "unit": "s", "ratio": None, "floor": None, "floor_is": ""}
    figures = [
        {"case": "stop 100,000", "loop": loop, "value": {"median": 1.5, "low": 1.0, "high": 2.0}, **one}
        for loop in ("trio", "asyncio")
    ]
    found = copied("crowd", OURS["start-100k"][1], {"figures": {"crowd": figures}}, "0.1")
    assert [(line.peer, line.case, line.unit) for line in found] == [
        (f"oneforone ({loop})", "stop", "µs/actor") for loop in ("trio", "asyncio")
    ]
    assert found[0].value == Spread(15, 10, 20)


def test_figures_that_our_own_report_does_not_have_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(self: Measuring, command: list[str], within: float | None = None) -> str:
        Path(command[-1]).write_text('{"figures": {}}', encoding="utf-8")
        return ""

    monkeypatch.setattr(Measuring, "output", nothing)
    lines = Measuring(1).ours("ask-in-turn")
    assert [(line.case, line.failed) for line in lines] == [
        (case, "python -m benchmarks ask has no such figure") for case in ("ask-in-turn", "ask-100")
    ]


def test_a_command_of_ours_that_fails_is_told_for_each_of_its_cases(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(self: Measuring, command: list[str], within: float | None = None) -> str:
        raise RunFailed("not done within 9 s")

    monkeypatch.setattr(Measuring, "output", fails)
    assert [line.case for line in Measuring(1).ours("start-100k")] == ["start-100k", "memory", "stop"]
    assert [line.failed for line in Measuring(1).ours("crash")] == ["python -m benchmarks crash: not done within 9 s"]


def test_who_comes_first_rotates_and_the_report_is_in_the_order_of_the_cases() -> None:
    order: list[str] = []

    def runner(name: str) -> program.Runner:
        def run(case: str) -> list[Line]:
            order.append(f"{case} {name}")
            return [Line(peer=name, case=case, unit="")]

        return run

    lines = program.measure({name: runner(name) for name in "ab"}, ["stop", "memory"], lambda _: None)
    assert order == ["stop a", "stop b", "memory b", "memory a"]
    assert [line.case for line in lines] == ["memory", "memory", "stop", "stop"]


def test_the_table_tells_figures_and_reasons() -> None:
    console = Console(width=200)
    lines = [
        *parse(GOOD),
        Line(peer="other", case="memory", unit="bytes", cannot="it has no memory"),
        Line(peer="third", case="memory", unit="bytes", failed="not done within 9 s"),
    ]
    with console.capture() as capture:
        console.print(table(lines))
    for text in ("2.000 (1.000 to 3.000)", "cannot: it has no memory", "not done within 9 s"):
        assert text in capture.get()


def test_an_unknown_peer_or_case_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.bench("nobody") == 2
    assert program.bench("pykka", cases="nothing") == 2
    assert "no peer 'nobody'; there are pykka, triotp," in (said := capsys.readouterr().err)
    assert "no case 'nothing'; there are tell-1-1," in said
