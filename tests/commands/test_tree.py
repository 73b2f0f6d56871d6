"""`oneforone tree`: a running tree, drawn from outside its process."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from supervisor.commands import tree, verbs
from supervisor.control.client import Unreachable
from supervisor.snapshot import TreeSnapshot
from tests.commands.support import child, running


@pytest.mark.real_time
@pytest.mark.slow
@pytest.mark.parametrize("backend", ["trio", "asyncio"])
def test_a_running_tree_is_drawn(backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    with running(backend) as (door, process):
        assert tree(Path(door)) == 0
        text = capsys.readouterr().out
        assert tree(Path(door), json=True) == 0
        told = json.loads(capsys.readouterr().out)
        assert tree(Path(door), dot=True) == 0
        drawing = capsys.readouterr().out
        process.communicate("", timeout=30)
        assert process.returncode == 0
        assert not os.path.exists(door)
        assert tree(Path(door)) == 2
    bot, account, job = text.splitlines()
    assert bot.startswith("bot · steady · life 1 · up ")
    assert re.fullmatch(r"  account \[red\] · running · life 2 · up \d\.\d s · last: ValueError: password=\*\*\*.*", account)
    assert "\x1b" not in text
    assert job.startswith("  job · running")
    assert [one["id"] for one in told["root"]["children"]] == ["account [red]", "job"]
    assert drawing.startswith("digraph tree {")


@pytest.mark.real_time
@pytest.mark.slow
def test_watch_draws_it_again_until_it_has_ended() -> None:
    with running("trio") as (door, process):
        command = [sys.executable, "-m", "actors.cli", "tree", door, "--watch", "0.3", "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watching:
            assert watching.stdout is not None
            first, second = (json.loads(watching.stdout.readline()) for _ in range(2))
            process.communicate("", timeout=30)
            _, errors = watching.communicate(timeout=30)
    assert second["at"] > first["at"]
    assert watching.returncode == 0
    assert errors.startswith(f"oneforone tree: the tree has ended: {door}: ")
    assert "Traceback" not in errors


@pytest.mark.real_time
@pytest.mark.slow
def test_an_interrupt_ends_a_watch_with_130() -> None:
    with running("trio") as (door, _):
        command = [sys.executable, "-m", "actors.cli", "tree", door, "--watch", "0.05"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watching:
            assert watching.stdout is not None
            watching.stdout.readline()
            watching.send_signal(signal.SIGINT)
            _, errors = watching.communicate(timeout=30)
    assert (watching.returncode, errors) == (130, "")


@pytest.mark.real_time
@pytest.mark.slow
def test_a_terminal_is_drawn_into() -> None:
    """In a terminal of its own, as nothing else is one."""
    with running("trio") as (door, process):
        ours, theirs = pty.openpty()
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"}
        command = [sys.executable, "-m", "actors.cli", "tree", door, "--watch", "0.05"]
        with subprocess.Popen(command, stdout=theirs, stderr=subprocess.PIPE, text=True, env=environment) as watching:
            os.close(theirs)
            seen = b""
            while seen.count(b"running") < 4:
                seen += os.read(ours, 4096)
            process.communicate("", timeout=30)
            _drain(ours)
            assert watching.wait(timeout=30) == 0
        os.close(ours)
    assert "├── ".encode() in seen
    assert b"account [red]" in seen


def _drain(terminal: int) -> None:
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:  # the other side is closed
        return


def test_who_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = tmp_path / "file"
    plain.write_text("hello")
    for path, words in ((tmp_path / "nothing", "no such file"), (plain, "not a socket"), (tmp_path, "not a socket")):
        assert tree(path) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith(f"oneforone tree: {path}: ")
        assert words in printed.err


def test_a_door_of_somebody_else_is_said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(tempfile.mkdtemp(prefix="one"))
    door = folder / "door"
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(str(door))
        theirs.listen()

        def refuse(self: socket.socket, address: Any) -> None:
            raise PermissionError(13, "Permission denied")  # what everybody but root gets

        monkeypatch.setattr(socket.socket, "connect", refuse)
        assert tree(door) == 2
    shutil.rmtree(folder)
    assert "permission denied; only its owner (uid " in capsys.readouterr().err


def test_another_version_is_said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from supervisor.control import client as control_client

    monkeypatch.setattr(control_client, "_ask", lambda *_: b'{"v":2,"type":"snapshot"}\n')
    assert tree(tmp_path) == 2
    assert "speaks version 2 of the control protocol, this one 1" in capsys.readouterr().err


def test_a_watch_that_loses_a_tree_that_has_not_ended_exits_with_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen = iter([snapshot()])

    def fetch(path: str) -> TreeSnapshot:
        found = next(seen, None)
        if found is None:
            raise Unreachable(path, "it does not answer within 5 s")
        return found

    monkeypatch.setattr(verbs, "fetch_snapshot", fetch)
    assert tree(tmp_path, watch=0.001) == 2
    assert "ended" not in capsys.readouterr().err


def snapshot() -> TreeSnapshot:
    return TreeSnapshot(tree_id="t", at=0.0, root=child())


def test_json_and_dot_exclude_each_other(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert tree(tmp_path, json=True, dot=True) == 2
    assert "exclude each other" in capsys.readouterr().err
