"""`oneforone resilience`, over real sockets."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
import structlog
from rich.console import Console

from actors import cli
from actors.drills import command
from actors.drills.command import DrillsConfig, run_drills
from actors.drills.plan import Client, Fault, Patience
from actors.drills.result import Outcome, Report, Round
from actors.drills.witness import installed
from actors.simulator.config import SimulatorError

pytestmark = pytest.mark.real_time

SOAK = os.environ.get("HYPOTHESIS_PROFILE") == "soak"
ONE_DRILL = ("--runs", "1", "--client", "ours", "--fault", "abort", "--speed", "1")


@pytest.fixture(autouse=True)
def structlog_as_before() -> Iterator[None]:
    """The command configures structlog for the whole process; other tests read its lines."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def here(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    """The exit code: a process of its own would spend another second on imports."""
    monkeypatch.setattr(sys, "argv", ["oneforone", "resilience", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return caught.value.code


@pytest.mark.slow
def test_a_drill_is_run_and_told_to_people_and_to_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written = tmp_path / "figures.json"
    code = here(monkeypatch, *ONE_DRILL, "--json", str(written))
    said = capsys.readouterr().out
    report = msgspec.json.decode(written.read_bytes(), type=Report)
    (ours,) = report.outcomes
    assert (ours.client, ours.fault, ours.failed, len(ours.rounds)) == (Client.OURS, Fault.ABORT, "", 1)
    assert ours.rounds[0].back is not None
    assert ours.rounds[0].connections > 0
    assert said.startswith("TCP abort · ours")
    assert code == int(report.missed)


def test_an_interrupt_is_no_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    async def interrupted(*_: Any, **__: Any) -> Outcome:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "run_drill", interrupted)
    assert here(monkeypatch, *ONE_DRILL) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_an_exchange_that_cannot_start_is_one_plain_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def refused(*_: Any, **__: Any) -> Outcome:
        raise SimulatorError("no port is free")

    monkeypatch.setattr(command, "run_drill", refused)
    assert here(monkeypatch, *ONE_DRILL) == 2
    assert capsys.readouterr().err == "oneforone resilience: no port is free\n"


@pytest.mark.skipif(not SOAK, reason="two processes and a second of imports each; `make soak` runs it")
@pytest.mark.slow
def test_an_interrupt_ends_everything_that_was_started() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "actors.cli", "resilience", *ONE_DRILL, "--seed", "471147"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        deadline = time.monotonic() + 60
        while not _processes_of("471147", above=running.pid) and time.monotonic() < deadline:
            time.sleep(0.05)  # until its simulator runs: there is nothing else to wait for
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Traceback" not in errors
    assert _processes_of("471147", above=running.pid) == []


def _processes_of(mark: str, above: int) -> list[int]:
    """Processes, other than this one, that have the mark in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            said = path.read_bytes()
        except OSError:
            continue  # it ended meanwhile
        if f'"seed":{mark}'.encode() in said and int(path.parent.name) not in (above, os.getpid()):
            found.append(int(path.parent.name))
    return found


@pytest.mark.slow
def test_clients_that_others_wrote_are_drilled_unpatched() -> None:
    # ccxt is a second of imports more.
    clients = (Client.CCXT, Client.PYTHON_BINANCE) if SOAK else (Client.PYTHON_BINANCE,)
    if missing := [client for client in clients if not installed(client)]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    config = DrillsConfig(runs=1, faults=(Fault.ABORT,), clients=clients, speed=1.0, patience=Patience(calm=0.2, settle=0.1))
    report = anyio.run(run_drills, config, Console(file=io.StringIO()))
    assert {one.client: (one.failed, len(one.rounds)) for one in report.outcomes} == dict.fromkeys(clients, ("", 1))
    assert all(one.rounds[0].back is not None for one in report.outcomes)
    assert report.reach == []


def test_who_is_not_installed_is_said_and_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "installed", lambda client: False)
    console = Console(file=io.StringIO(), width=150)
    report = anyio.run(run_drills, DrillsConfig(clients=(Client.CCXT,)), console)
    assert (report.outcomes, report.absent) == ([], [Client.CCXT])
    file = console.file
    assert isinstance(file, io.StringIO)
    assert "ccxt: not installed" in file.getvalue()


@pytest.mark.parametrize("arguments", [("--runs", "0"), ("--fault", "flood"), ("--client", "cryptofeed"), ("--speed", "0")])
def test_an_option_that_is_none_is_refused(
    arguments: tuple[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert here(monkeypatch, *arguments) == 2
    told = capsys.readouterr()
    assert arguments[0] in told.out + told.err


def test_figures_that_cannot_be_written_are_said_before_the_drills_begin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert here(monkeypatch, "--json", "/nowhere/at/all.json") == 2
    assert capsys.readouterr().err.startswith("oneforone resilience: cannot write /nowhere/at/all.json; give a file")


@pytest.mark.parametrize(("lost", "code"), [(0, 0), (1, 1)])
def test_what_ours_misses_is_the_exit_code(lost: int, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run(*_: Any) -> Report:
        rounds = [Round(back=0.1)]
        outcome = Outcome(client=Client.OURS, fault=Fault.ABORT, rounds=rounds, lost=lost, pauses={})
        report = Report(backend="trio", speed=1.0, seed=0, outcomes=[outcome])
        report.judge()
        return report

    monkeypatch.setattr(command, "run_drills", run)
    assert here(monkeypatch) == code
