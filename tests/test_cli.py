"""The command `oneforone`, as a user types it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from actors import cli

pytestmark = pytest.mark.real_time


def oneforone(*arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "actors.cli", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=timeout)


def here(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    """The exit code of a command that is refused before it begins: a process of its own would spend a second on imports."""
    monkeypatch.setattr(sys, "argv", ["oneforone", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return caught.value.code


def test_help_names_every_command() -> None:
    done = oneforone("--help")
    assert done.returncode == 0
    assert "demo" in done.stdout
    assert "simulate" in done.stdout


def test_the_version_is_that_of_the_distribution() -> None:
    assert oneforone("--version").stdout.strip() == version("oneforone")


def test_a_recording_that_is_not_there_is_one_plain_sentence() -> None:
    done = oneforone("demo", "--replay", "/nowhere/at/all.gz")
    assert done.returncode == 2
    assert "/nowhere/at/all.gz" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_recording_that_is_none_is_one_plain_sentence(tmp_path: Path) -> None:
    path = tmp_path / "noise.gz"
    path.write_bytes(b"this is no recording\n" * 10)
    done = oneforone("demo", "--replay", str(path))
    assert done.returncode == 2
    assert "noise.gz" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("capture", ["/nowhere/at/all.svg", "/"])
def test_a_picture_that_cannot_be_written_is_said_before_the_demo_begins(
    capture: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert here(monkeypatch, "demo", "--capture", capture) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"oneforone demo: cannot write {capture}; give a file")


@pytest.mark.parametrize("speed", ["0", "-1", "nan", "inf", "max"])
def test_a_speed_that_is_none_is_said(speed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert here(monkeypatch, "demo", "--speed", speed) == 2
    told = capsys.readouterr()
    assert "speed" in told.out + told.err
    assert "Traceback" not in told.err


def test_a_reader_who_leaves_ends_the_demo_without_a_traceback() -> None:
    command = [sys.executable, "-m", "actors.cli", "demo", "--plain", "--speed", "10"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        errors = running.stderr.read()
    assert running.returncode == 141
    assert errors == ""


def test_a_busy_port_is_one_plain_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = oneforone("simulate", "--port", port, "--endpoints", "1")
    assert done.returncode == 2
    assert port in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_option_says_which() -> None:
    done = oneforone("demo", "--backend", "twisted")
    assert done.returncode == 2
    assert "twisted" in done.stdout + done.stderr


@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_an_interrupt_ends_the_demo_without_a_traceback(backend: str) -> None:
    command = [sys.executable, "-m", "actors.cli", "demo", "--plain", "--speed", "10", "--backend", backend]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        running.stdout.readline()  # the first phase is over
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Traceback" not in errors


def test_an_exchange_that_vanishes_ends_the_demo_with_a_sentence() -> None:
    command = [sys.executable, "-m", "actors.cli", "demo", "--plain", "--speed", "10", "--seed", "4711"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        running.stdout.readline()
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):  # a process that ended meanwhile
                if b'"seed":4711' in path.read_bytes():
                    os.kill(int(path.parent.name), signal.SIGKILL)
        _, errors = running.communicate(timeout=120)
    assert running.returncode == 2
    assert errors.startswith("oneforone demo: cannot connect to")
    assert "Traceback" not in errors
