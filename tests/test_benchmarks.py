"""The benchmarks do their work. How fast is not tested: that depends on the machine."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from benchmarks import __main__ as program
from benchmarks import books, frames, memory
from benchmarks.books import Course
from benchmarks.rounds import CaseFailed, Figure, Measured, Options, Spread, interleave
from benchmarks.traffic import Traffic, generated, traffic

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
    most, slope = memory.run(Options(seconds=2.5))
    assert most.floor is not None
    assert most.value.median >= most.floor.median > 1.0
    assert (most.unit, slope.unit) == ("MiB", "MiB/min")


def test_a_case_that_fails_costs_the_exit_code_and_not_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Figure(case="a", done="1", unit="s", value=Spread(1, 1, 1), target="none", reached=False)

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


def test_an_unknown_case_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.bench("nothing") == 2
    assert capsys.readouterr().err == "no case 'nothing'; there are frames, books, memory\n"
