"""The benchmarks do their work. How fast is not tested: that depends on the machine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from rich.console import Console

from benchmarks import __main__ as program
from benchmarks import books, clients, frames, machine, memory
from benchmarks.books import Course
from benchmarks.framework import (
    asks,
    crashes,
    crowd,
    fairness,
    imports,
    messages,
    snapshots,
    starting,
    steady,
    timers,
    topics,
    trials,
)
from benchmarks.framework.quantities import QUANTITIES
from benchmarks.framework.trees import Counter, Tick
from benchmarks.loops import LOOPS, Gate, installed
from benchmarks.rounds import CaseFailed, Figure, Measured, Options, Pair, Spread, interleave
from benchmarks.traffic import Traffic, generated, traffic

SOAK = os.environ.get("HYPOTHESIS_PROFILE") == "soak"

pytestmark = [pytest.mark.real_time, pytest.mark.slow]


@pytest.fixture(scope="module")
def some() -> Traffic:
    return generated(3000)


@pytest.fixture
def generates(some: Traffic, monkeypatch: pytest.MonkeyPatch) -> Traffic:
    """A short market instead of a recording."""
    for case in (frames, books):
        monkeypatch.setattr(case, "traffic", lambda data: some)
    monkeypatch.setattr(books, "generated", lambda: some)
    return some


def test_floor_and_case_alternate_and_the_first_round_does_not_count() -> None:
    seconds = iter([100, 100, 100, 100, 1, 2, 1, 3, 2, 4, 2, 6])
    order: list[str] = []

    def side(name: str) -> Measured:
        order.append(name)
        return Measured(1, next(seconds))

    cases = {"a": lambda: side("a"), "b": lambda: side("b")}
    pairs = interleave(lambda: side("floor"), cases, 2, lambda _: None)
    assert order == ["floor", "a", "floor", "b"] * 3
    assert pairs["a"].ratio == Spread(2.0, 2.0, 2.0)
    assert pairs["b"].ratio == Spread(3.0, 3.0, 3.0)


def test_a_floor_that_measured_nothing_is_no_figure() -> None:
    with pytest.raises(CaseFailed, match="the floor: 10 cost nothing that can be measured; try a larger --scale"):
        _ = Pair([Measured(10, 1.0)], [Measured(10, 0.0)]).ratio


def test_a_rate_of_no_time_is_no_figure_but_a_size_of_nothing_is() -> None:
    floor, nothing = {"deque and call": Measured(10, 1.0)}, Measured(10, 0.0)
    with pytest.raises(CaseFailed, match="tell 10→1: 10 cost nothing"):
        trials.figure_of("tell 10→1", "trio", [(floor, {"tell 10→1": nothing})])
    with pytest.raises(CaseFailed, match="tell 10→1: deque and call: 10 cost nothing"):
        trials.figure_of("tell 10→1", "trio", [({"deque and call": nothing}, {"tell 10→1": Measured(10, 1.0)})])
    idle = "memory of an idle actor"
    assert trials.figure_of(idle, "trio", [({"bare nursery, idle": Measured(1, 9.0)}, {idle: nothing})]).value.median == 0


def test_each_percentile_is_compared_with_the_same_of_its_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    async def by_hand(*_: object) -> list[float]:
        return [1.0] * 98 + [50.0, 1000.0]

    monkeypatch.setattr(crashes, "restarted_by_hand", by_hand)
    readings = LOOPS["asyncio"].run(crashes._by_hand, 100, LOOPS["asyncio"])
    assert {name.rpartition(", ")[2]: reading.each for name, reading in readings.items()} == {
        "p50": 1.0,
        "p99": pytest.approx(59.5),
        "worst": 1000.0,
    }
    for name, quantity in QUANTITIES.items():
        if name.startswith("crash to next message"):
            assert quantity.floor.rpartition(", ")[2] == name.rpartition(", ")[2]


def test_frames_come_through_to_a_subscription_and_to_an_actor_on_both_loops(
    generates: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "KINDS", {"mixed": ("trade", "bookTicker")})
    figures = frames.run(Options(rounds=1, limit=400))
    assert [figure.case for figure in figures] == [
        f"mixed, {backend}, {subscriber}" for backend in ("trio", "asyncio") for subscriber in ("subscription", "actor")
    ]
    assert {figure.done for figure in figures} == {"398 generated frames"}  # one per stream came first
    assert all(figure.ratio is not None and figure.ratio.low > 0 for figure in figures)


def test_frames_that_do_not_arrive_are_no_figure(some: Traffic, monkeypatch: pytest.MonkeyPatch) -> None:
    hole = Traffic("torn", [(stream, data) for n, (stream, data) in enumerate(some.frames) if n % 7], some.snapshot)
    monkeypatch.setattr(frames, "traffic", lambda data: hole)
    monkeypatch.setattr(frames, "KINDS", {"trade": ("trade",)})
    with pytest.raises(CaseFailed, match="told of a hole: Gap"):
        frames.run(Options(rounds=1, limit=100))


@pytest.mark.skipif(not SOAK, reason="twenty seconds; `make soak` runs it")
def test_other_clients_read_the_same_frames_as_ours(generates: Traffic, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ccxt", reason="ccxt is not installed; `pip install oneforone[clients]`")
    monkeypatch.setattr(clients, "KINDS", ("trade",))
    monkeypatch.setattr(clients, "traffic", frames.traffic)
    figures = clients.clients(Options(rounds=1, limit=200))
    assert [(figure.who.partition(" ")[0], figure.loop) for figure in figures] == [
        *(("", loop) for loop in ("trio", "asyncio")),
        ("ccxt", "asyncio"),
        *(("", loop) for loop in ("trio", "asyncio")),
    ]
    assert {figure.done for figure in figures} == {"199 generated frames"}


def test_every_update_is_applied_to_the_book(generates: Traffic) -> None:
    (figure,) = books.run(Options(rounds=1))
    assert figure.case == "generated"
    assert figure.done.endswith("updates")
    assert figure.value.low > 0


def test_a_book_that_misses_an_update_is_no_figure(some: Traffic) -> None:
    whole = books.course(some, None)
    torn = Course(whole.snapshot, [*whole.deltas[:5], *whole.deltas[6:]], whole.levels)
    with pytest.raises(CaseFailed, match="updates were applied"):
        books.case(torn)


def test_recorded_traffic_is_preferred(recorded: Path) -> None:
    source = traffic(recorded)
    assert source.origin == "recorded"
    assert len(source.payloads("trade", "bookTicker")) == 9757 + 28040


@pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="/proc/self/statm does not exist: memory needs Linux")
def test_memory_watches_a_bot_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "BACKENDS", ("trio",))
    monkeypatch.setattr(memory, "LONG_ENOUGH", 2.0)
    most, slope = memory.run(Options(seconds=2.5))
    assert most.floor is not None
    assert most.value.median >= most.floor.median > 1.0
    assert (most.unit, slope.unit) == ("MiB", "MiB/min")


def test_a_slope_of_too_short_a_time_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = memory.Watched(50.0, [(0.0, 50.0), (1.0, 60.0), (2.0, 70.0)], memory.Finished(1, 1, 1))
    monkeypatch.setattr(memory, "watch", lambda backend, seconds: watched)
    figures = memory.run(Options(seconds=60.0))
    assert [figure.case for figure in figures] == ["trio, maximum", "asyncio, maximum"]
    assert figures[0].done.endswith("; whether it grows takes --seconds 180")


# ---- the framework's cases

SMALL = Options(rounds=1, warming=0, scale=0.001)
HERE = [loop for loop in LOOPS if installed(loop)]
FRAMEWORK: dict[Callable[[Options], list[Figure]], str] = {
    messages.tell: "2,000 messages, 2,000 messages, 20 messages, 2,000 messages, 2,000 messages",
    messages.send: "500 messages, 500 messages",
    asks.ask: "50 asks, 50 asks, 50 asks, 100 asks, 100 asks, 100 asks",
    asks.ring: "20 hops",
    starting.start: "20 actors, 20 actors, 20 actors, 20 actors",
    crowd.crowd: ", ".join(["100 actors"] * 7),
    crashes.crash: ", ".join(["10 crashes"] * 10),
    snapshots.snapshot: "5 snapshots",
    topics.publish: "100 deliveries, 200 deliveries, 200 deliveries",
    timers.timer: "20 timers, 20 timers, 20 timers",
    steady.steady: ", ".join(["200 messages"] * 4),
    fairness.fair: "5 messages, 5 timers",
    imports.imported: "1 import in a new process",
}
"""What each does in its smallest form."""


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what takes time and is not looked at: collections of a heap as big as the tests', and other processes."""
    monkeypatch.setattr("benchmarks.rounds.gc.collect", lambda: 0)
    monkeypatch.setattr(crowd, "WARM", 5)
    monkeypatch.setattr(steady, "PARTS", 2)
    monkeypatch.setattr(crowd, "resident", count(0.0, 4096.0).__next__)
    monkeypatch.setattr(crowd, "outside", lambda side, loop, count: crowd.SIDES[side](count, loop))
    monkeypatch.setattr(imports, "imports", lambda modules: Measured(1, 0.1))


@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize(("case", "done"), FRAMEWORK.items(), ids=[case.__name__ for case in FRAMEWORK])
def test_a_case_of_the_framework_does_its_work_on_every_loop(case: Callable[[Options], list[Figure]], done: str) -> None:
    figures = case(SMALL)
    loops = [""] if case is imports.imported else HERE
    assert [figure.loop for figure in figures] == loops * (len(figures) // len(loops))
    assert ", ".join(figure.done for figure in figures[:: len(loops)]) == done
    assert {figure.case for figure in figures} <= QUANTITIES.keys()


def test_every_figure_of_the_framework_is_some_cases() -> None:
    assert sum(done.count(", ") + 1 for done in FRAMEWORK.values()) == len(QUANTITIES)


def test_a_message_that_is_lost_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(counter: Counter, message: Tick) -> None:
        counter.tally.handled += message.number if counter.tally.handled < 150 else 0

    monkeypatch.setattr(trials, "WITHIN", 0.05)
    monkeypatch.setattr(Counter, "receive", lose)
    with pytest.raises(CaseFailed, match="not done on trio within"):
        messages.tell(SMALL)


def test_a_message_too_many_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(counter: Counter, message: Tick) -> None:
        counter.tally.handled += 2 * message.number

    monkeypatch.setattr(Counter, "receive", twice)
    with pytest.raises(CaseFailed, match="messages that were handled"):
        messages.tell(SMALL)


@pytest.mark.parametrize("name", HERE)
def test_a_loop_is_the_one_that_it_says(name: str) -> None:
    async def whose() -> str:
        try:
            return type(asyncio.get_running_loop()).__module__.partition(".")[0]
        except RuntimeError:
            return type(trio.lowlevel.current_task()).__module__.partition(".")[0]

    assert LOOPS[name].run(whose) == name


@pytest.mark.parametrize("name", HERE)
def test_a_gate_lets_the_waiting_task_go_on(name: str) -> None:
    order: list[str] = []

    async def wait(gate: Gate) -> None:
        order.append("waits")
        await gate.wait()
        order.append("goes on")

    async def main() -> None:
        loop = LOOPS[name]
        gate = loop.gate()
        async with loop.group() as group:
            loop.start(group, wait, gate)
            while not order:
                await loop.pause()
            order.append("opened")
            gate.open()

    LOOPS[name].run(main)
    assert order == ["waits", "opened", "goes on"]


def test_a_process_that_fails_is_no_figure() -> None:
    with pytest.raises(CaseFailed, match="no_such_module"):
        imports.imports("no_such_module")


def test_what_is_reached_is_computed() -> None:
    spread, twice = Spread(2.0, 1.0, 3.0), Spread(2.0, 2.0, 2.0)

    def figure(*, higher: bool, target: float, ratio: float) -> tuple[str, bool | None, bool | None]:
        one = Figure(case="a", done="1", unit="s", value=spread, ratio=twice, higher=higher, target=target, target_ratio=ratio)
        return one.target_text, one.reached, one.ratio_reached

    assert figure(higher=True, target=2.0, ratio=2.0) == ("at least 2", True, True)
    assert figure(higher=True, target=2.1, ratio=1.9) == ("at least 2.1", False, False)
    assert figure(higher=False, target=2.0, ratio=2.0) == ("at most 2", True, True)
    assert figure(higher=False, target=1.9, ratio=1.9) == ("at most 1.9", False, False)
    untold = Figure(case="a", done="1", unit="s", value=spread)
    assert (untold.target_text, untold.reached, untold.ratio_reached) == ("", None, None)


def test_a_target_is_also_a_ratio_to_the_floor_of_its_machine() -> None:
    assert QUANTITIES["ask in turn"].ratio("trio") == pytest.approx(135 / 115)
    assert QUANTITIES["crash to next message, bare, p50"].ratio("trio") == pytest.approx(26 / 42)
    assert QUANTITIES["crash to next message, bare, p50"].ratio("asyncio") is None


def test_a_loop_that_is_not_installed_is_skipped_and_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def absent(loop: str) -> bool:
        return loop != "uvloop"

    monkeypatch.setattr(program, "log_to_stderr", lambda least: None)
    monkeypatch.setattr(program, "installed", absent)
    monkeypatch.setattr(trials, "installed", absent)
    assert program.bench("ring", rounds=1, scale=0.001, loops="asyncio,uvloop") == 0
    said = capsys.readouterr().out
    assert "uvloop is not installed, so nothing was measured on it" in said
    assert said.count("20 hops") == 1


def test_an_unknown_loop_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.bench("ring", loops="trio,curio") == 2
    assert capsys.readouterr().err == "no loop 'curio'; there are trio, asyncio, uvloop\n"


# ---- the program


def test_a_case_that_fails_costs_the_exit_code_and_not_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Figure(
        case="a",
        done="1",
        unit="s",
        value=Spread(1, 1, 1),
    )

    def fail(options: Options) -> list[Figure]:
        raise CaseFailed("broken: it did nothing")

    monkeypatch.setattr(program, "CASES", {"broken": fail, "fine": lambda options: [one]})
    measured = program.measure(("broken", "fine"), Options(), Console(stderr=True))
    assert measured == ({"fine": [one]}, ["broken: it did nothing"])


def test_the_program_prints_a_table_and_writes_json(
    generates: Traffic, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "log_to_stderr", lambda least: None)
    arguments = ["books", "--rounds", "1", "--limit", "50", "--json", str(tmp_path / "figures.json")]
    assert program.app(arguments, result_action="return_value") == 0
    assert "books: generated" in capsys.readouterr().out
    report = msgspec.json.decode((tmp_path / "figures.json").read_bytes())
    assert [line["case"] for line in report["figures"]["books"]] == ["generated"]


def test_all_cases_are_written_to_a_file_also_when_none_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(program, "log_to_stderr", lambda least: None)
    one = Figure(case="a", done="1", unit="s", value=Spread(1, 1, 1))
    monkeypatch.setattr(program, "CASES", {"fine": lambda options: [one]})
    assert program.bench("fine") == 0
    assert list(tmp_path.iterdir()) == []
    assert program.bench() == 0
    assert f"written to {program.REPORT}" in capsys.readouterr().out
    assert msgspec.json.decode((tmp_path / program.REPORT).read_bytes())["machine"] == machine.machine()


CPUINFO = "processor\t: 0\nmodel\t\t: 1\nmodel name\t: AMD   EPYC | a\n\nprocessor\t: 1\nmodel name\t: another\n"


@pytest.mark.parametrize(
    ("told", "name"),
    [
        (CPUINFO, "AMD EPYC a"),
        ("Hardware : BCM2835\nModel : Raspberry Pi 5\n", "Raspberry Pi 5"),
        (f"model name: {'x' * 500}", "x" * 80),
        ("no such field", "unknown processor"),
        (None, "unknown processor"),
    ],
)
def test_the_processor_is_named(told: str | None, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(machine.platform, "processor", lambda: "")
    if told is not None:
        (tmp_path / "cpuinfo").write_text(told, encoding="utf-8")
    assert machine.processor() == name
    assert machine.machine().endswith(name)


def test_an_unknown_case_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.bench("nothing") == 2
    assert capsys.readouterr().err.startswith("no case 'nothing'; there are tell, send, ask, ")


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("rounds", 0, "--rounds is 0; expected 1 or more"),
        ("limit", -1, "--limit is -1; expected 1 or more"),
        ("scale", -1.0, "--scale is -1.0; expected a number above 0"),
        ("scale", float("nan"), "--scale is nan; expected a number above 0"),
        ("seconds", 0.0, "--seconds is 0.0; expected a number above 0"),
    ],
)
def test_a_number_that_measures_nothing_is_refused(
    option: str, value: float, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options: dict[str, Any] = {option: value}
    assert program.bench("books", **options) == 2
    assert capsys.readouterr().err == f"{expected}\n"
