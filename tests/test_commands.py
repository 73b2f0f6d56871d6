"""`oneforone check`, `tree` and `doctor`, as a user types them."""

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
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from actors.cli import app, main
from supervisor import commands
from supervisor.commands import check, doctor, ending, tree, verbs
from supervisor.commands import diagnosis as doctor_module
from supervisor.commands.diagnosis import Health, at_least, diagnose
from supervisor.commands.drawing import describe, describe_child, printable
from supervisor.control.client import Unreachable
from supervisor.snapshot import ChildSnapshot, TreeSnapshot
from supervisor.spec import ActorSpec, DynamicSupervisorSpec, SupervisorSpec

BOT = """
    from functools import partial
    import anyio
    from supervisor import *

    class Account(Actor[str]):
        def receive(self, message):
            raise ValueError("password=hunter2")

    class Numbered(Actor[str]):
        def __init__(self, number): ...
        def receive(self, message): ...

    class Holder:
        INNER = SupervisorSpec("inner", [])

    GOOD = SupervisorSpec("bot", [
        ActorSpec("account [red]", Account, name=Name("account")),
        SupervisorSpec("in", [TaskSpec("job", anyio.sleep_forever)], strategy=Strategy.REST_FOR_ONE),
    ])
    WARNED = SupervisorSpec("bot", [ActorSpec(f"a{n}", Account, backoff=Backoff()) for n in range(5)])
    WRONG = SupervisorSpec("bot", [ActorSpec("a", Numbered)])
    LOCAL = SupervisorSpec("bot", [ActorSpec("a", lambda: Account())])
    HOSTILE = SupervisorSpec("bot", [TaskSpec("\\x1b[2Jgone\\nover", anyio.sleep_forever)])
    CHILD = ActorSpec("a", Account)
    NUMBER = 7

    def make(): return GOOD
    def make_of(what): return GOOD
    async def make_later(): return GOOD
    def make_nothing(): return None
    def make_trouble(): raise RuntimeError("no [bold]luck[/bold]")
    def make_wrong(): return SupervisorSpec("bot", [CHILD, CHILD])
    def leave(): raise SystemExit(3)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a bot in it, which is where the command is typed."""
    before, path = set(sys.modules), list(sys.path)
    (tmp_path / "ofo_bot.py").write_text(textwrap.dedent(BOT))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if name.startswith("ofo_"):
            del sys.modules[name]


def module(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.py").write_text(textwrap.dedent(text))


def oneforone(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "actors.cli", *arguments]
    full = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), **environment}
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, env=full, cwd=cwd)


# ---------------------------------------------------------------------------------------------------- check


@pytest.mark.parametrize("target", ["ofo_bot:GOOD", "ofo_bot:make"])
def test_check_draws_the_tree(folder: Path, capsys: pytest.CaptureFixture[str], target: str) -> None:
    assert check(target) == 0
    assert capsys.readouterr().out.splitlines() == [
        "bot · supervisor · permanent · one_for_one · 5 restarts in 10 s · stops in its own time",
        "  account [red] · actor · permanent · stops within 5 s · name 'account'",
        "  in · supervisor · permanent · rest_for_one · 5 restarts in 10 s · stops in its own time",
        "    job · task · permanent · stops within 5 s",
        "nothing to say against it",
    ]


def test_check_takes_an_attribute_with_dots(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("ofo_bot:Holder.INNER") == 0
    assert capsys.readouterr().out.startswith("inner · supervisor")


def test_check_finds_a_module_in_a_package_of_the_current_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "ofo_package").mkdir()
    (folder / "ofo_package" / "trees.py").write_text((folder / "ofo_bot.py").read_text())
    assert check("ofo_package.trees:GOOD") == 0


def test_warnings_are_said_once_for_all_whom_they_concern_and_are_not_wrong(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check("ofo_bot:WARNED") == 0
    [warning] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning")]
    assert warning.startswith("warning: bot/a0, bot/a1, bot/a2 and 2 more: its backoff is too slow")
    assert warning.endswith("[restarts-for-ever]")


@pytest.mark.item(196)
def test_check_says_of_a_default_backoff_that_it_never_trips_the_default_intensity(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check("ofo_bot:WARNED")
    assert "restarts for ever, at most 4 times within any 10 s, where 5 are allowed" in capsys.readouterr().out


def test_strict_counts_warnings(folder: Path) -> None:
    assert check("ofo_bot:WARNED", strict=True) == 1
    assert check("ofo_bot:GOOD", strict=True) == 0


def test_what_will_fail_when_it_starts_is_wrong(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("ofo_bot:WRONG") == 1
    assert "wrong: bot/a: its start is called without arguments, and needs number" in capsys.readouterr().out


def test_portable_says_why_not_and_only_when_it_is_asked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("ofo_bot:LOCAL") == 0
    assert "pickled" not in capsys.readouterr().out
    assert check("ofo_bot:LOCAL", portable=True) == 0
    assert "warning: bot: a: its start cannot be pickled" in capsys.readouterr().out
    assert check("ofo_bot:LOCAL", portable=True, strict=True) == 1


def test_a_wrong_spec_is_printed_as_it_is_with_the_line_that_made_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("ofo_bot:make_wrong") == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    first, where = printed.err.splitlines()
    assert (
        first == "oneforone check: SupervisorSpec('bot').children is 'a'; expected ids that differ; this one stands there twice"
    )
    assert re.fullmatch(r"  .*/ofo_bot\.py:\d+: def make_wrong\(\): .*", where)


def test_a_wrong_spec_at_the_top_of_a_module_is_no_import_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module(folder, "ofo_wrong", 'from supervisor import *\nTREE = SupervisorSpec("", [])\n')
    assert check("ofo_wrong:TREE") == 1
    assert "SupervisorSpec.id is ''" in capsys.readouterr().err


USAGE = {
    "ofo_nowhere:TREE": "there is no module 'ofo_nowhere' here",
    "ofo_bot.deeper:TREE": "there is no module 'ofo_bot.deeper' here",
    "ofo_bot": "does not say which spec; expected MODULE:SPEC; ofo_bot has ofo_bot:GOOD",
    "ofo_bot:": "does not say which spec",
    "ofo_bot:TREE": "ofo_bot has no 'TREE'; ofo_bot has ofo_bot:GOOD",
    "ofo_bot:GOOD.nothing": "has no 'GOOD.nothing'",
    "ofo_bot:NUMBER": "ofo_bot:NUMBER is 7, a int; expected a SupervisorSpec",
    "ofo_bot:make_of": "cannot be called without arguments",
    "ofo_bot:make_later": "is an async function",
    "ofo_bot:make_nothing": "is None, a NoneType",
    "ofo_bot:make_trouble": "make_trouble() failed: RuntimeError: no [bold]luck[/bold]",
    "ofo_bot:leave": "leave() failed: SystemExit: 3",
    "ofo_bot.py:GOOD": "is a file; expected a module's name, such as ofo_bot:GOOD",
    "./some/bot.py:GOOD": "such as some.bot:GOOD",
    "": "names no module",
    ":GOOD": "names no module",
    "..:GOOD": "names no module",
    "ofo bot:GOOD": "names no module",
}


@pytest.mark.parametrize("target", USAGE)
def test_what_is_no_spec_is_said_in_words(folder: Path, capsys: pytest.CaptureFixture[str], target: str) -> None:
    assert check(target) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("oneforone check: ")
    assert USAGE[target] in printed.err
    assert "Traceback" not in printed.err


BROKEN_MODULES = {
    "import ofo_missing_library\n": ("ModuleNotFoundError: No module named 'ofo_missing_library'", 1),
    "x = 1\nraise RuntimeError('first line\\nsecond')\n": ("", 2),
    "x = 1\n\ndef f(:\n": ("SyntaxError", 3),
    "import sys\nsys.exit(4)\n": ("SystemExit: 4", 2),
    "from supervisor import *\nSupervisorSpec('a', [], restarts=3)\n": ("TypeError", 2),
    "from supervisor import Nothing\n": ("ImportError", 1),
}


@pytest.mark.parametrize("text", BROKEN_MODULES, ids=range(len(BROKEN_MODULES)))
def test_a_module_that_fails_says_how_and_where(folder: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    module(folder, "ofo_broken", text)
    assert check("ofo_broken:TREE") == 2
    printed = capsys.readouterr().err
    words, line = BROKEN_MODULES[text]
    assert "ofo_broken cannot be imported: " in printed
    assert words in printed
    assert f"ofo_broken.py:{line}: {text.splitlines()[line - 1]}" in printed
    assert "Traceback" not in printed


def test_a_child_alone_is_no_tree(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("ofo_bot:CHILD") == 1
    assert "only a supervisor can be the root of a tree" in capsys.readouterr().err


def test_nothing_of_the_tree_is_started(folder: Path) -> None:
    module(
        folder,
        "ofo_eager",
        """
        from supervisor import *
        def start(): raise AssertionError("it was started")
        TREE = SupervisorSpec("t", [ActorSpec("a", start), TaskSpec("b", start)])
        """,
    )
    assert check("ofo_eager:TREE", portable=True) == 0


def test_what_a_spec_is_called_cannot_move_the_cursor(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("ofo_bot:HOSTILE") == 0
    assert "  \\x1b[2Jgone\\nover · task" in capsys.readouterr().out


def test_a_tree_500_deep_is_drawn(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module(
        folder,
        "ofo_deep",
        """
        from supervisor import *
        TREE = SupervisorSpec("s", [])
        for _ in range(500):
            TREE = SupervisorSpec("s", [TREE])
        """,
    )
    assert check("ofo_deep:TREE") == 0
    assert len(capsys.readouterr().out.splitlines()) == 502


def exit_code(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    """What the process would exit with."""
    monkeypatch.setattr(sys, "argv", ["oneforone", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code


@pytest.mark.parametrize(("target", "code"), [("ofo_bot:GOOD", 0), ("ofo_bot:WRONG", 1), ("ofo_bot:TREE", 2)])
def test_the_command_exits_with_the_code(folder: Path, monkeypatch: pytest.MonkeyPatch, target: str, code: int) -> None:
    assert exit_code(monkeypatch, "check", target) == code


@pytest.mark.parametrize(
    "arguments",
    [
        ("check",),
        ("check", "a:b", "c"),
        ("check", "a:b", "--loud"),
        ("tree",),
        ("tree", "x", "--watch", "0"),
        ("tree", "x", "--watch", "nan"),
        ("doctor", "x"),
    ],
    ids=" ".join,
)
def test_a_wrong_option_exits_with_2(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    assert exit_code(monkeypatch, *arguments) == 2


@pytest.mark.real_time
@pytest.mark.slow
def test_the_process_exits_with_the_code_and_prints_plain_text_where_there_is_no_terminal(folder: Path) -> None:
    done = oneforone("check", "ofo_bot:WRONG", cwd=folder)
    assert done.returncode == 1
    assert done.stderr == ""
    assert "\x1b" not in done.stdout


@pytest.mark.real_time
@pytest.mark.slow
def test_output_that_nobody_reads_is_no_traceback(folder: Path) -> None:
    module(
        folder,
        "ofo_long",
        "from supervisor import *\nTREE = SupervisorSpec('t', [SupervisorSpec(str(n), []) for n in range(9999)])\n",
    )
    command = [sys.executable, "-m", "actors.cli", "check", "ofo_long:TREE"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder, env=environment
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        errors = running.stderr.read()
    assert (running.returncode, errors) == (141, "")


@pytest.mark.real_time
@pytest.mark.slow
def test_a_terminal_that_knows_only_ascii_gets_escapes(folder: Path) -> None:
    done = oneforone("check", "ofo_bot:GOOD", cwd=folder, PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "bot \\xb7 supervisor" in done.stdout


def test_a_terminal_gets_a_drawing(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert check("ofo_bot:WARNED") == 0
    printed = capsys.readouterr().out
    assert "├── " in printed
    assert "\x1b[1m" in printed
    assert check("ofo_bot:GOOD") == 0
    assert "account [red]" in re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)


def test_ending_turns_an_interrupt_into_130() -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    assert ending(interrupted) == 130
    assert ending(lambda: 7) == 7


# ---------------------------------------------------------------------------------------------------- tree


RUNNER = """
    import sys, anyio
    from supervisor import *

    class Account(Actor[str]):
        def receive(self, message):
            raise ValueError("password=hunter2 \\x1b[2J")

    async def main(root):
        root.child("account [red]").tell("crash")
        await anyio.sleep(0.05)
        print("ready", flush=True)
        await anyio.to_thread.run_sync(sys.stdin.read)

    TREE = SupervisorSpec("bot", [ActorSpec("account [red]", Account), TaskSpec("job", anyio.sleep_forever)])
    run(TREE, main, backend=sys.argv[1], control=sys.argv[2], sinks=[lambda event: None])
"""


@contextmanager
def running(backend: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A bot in a process of its own, and the path of its control socket."""
    folder = tempfile.mkdtemp(prefix="one")
    script = Path(folder, "bot.py")
    script.write_text(textwrap.dedent(RUNNER))
    door = f"{folder}/door"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    command = [sys.executable, str(script), backend, door]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield door, process
        finally:
            process.kill()
    shutil.rmtree(folder)


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


def child(**fields: Any) -> ChildSnapshot:
    known: dict[str, Any] = {
        "id": "a",
        "path": "root/a",
        "kind": "actor",
        "phase": "running",
        "incarnation": 1,
        "restart": "permanent",
        "uptime": 0.0,
        "failures": 0,
        "restarts_in_window": 0,
        "restarts_allowed": 5,
        "backoff_left": None,
        "last_exit": None,
        "mailbox": None,
        "dropped": 0,
    }
    return ChildSnapshot(**{**known, **fields})


def test_json_and_dot_exclude_each_other(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert tree(tmp_path, json=True, dot=True) == 2
    assert "exclude each other" in capsys.readouterr().err


# ---------------------------------------------------------------------------------------------------- doctor


def healths(found: list[Any], what: str) -> list[Health]:
    return [one.health for one in found if one.what == what]


@pytest.mark.real_time
@pytest.mark.slow
def test_this_machine_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor() == 0
    lines = capsys.readouterr().out.splitlines()
    for what in ("python", "anyio", "trio loop", "asyncio loop", "sqlite", "open files", "monotonic clock", "supervisor"):
        assert any(re.match(rf"(good|warning)\s+{what}\s", line) for line in lines), what


def test_a_version_is_compared_by_its_numbers() -> None:
    assert at_least("4.16.0", "4.16")
    assert at_least("4.16", "4.16.0")
    assert at_least("10.0", "9.9")
    assert at_least("5.0rc1", "5.0")
    assert not at_least("4.9", "4.16")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without running trees, which takes time."""
    monkeypatch.setattr(doctor_module, "_loops", lambda: iter(()))


@pytest.mark.usefixtures("quick")
def test_an_old_library_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    version = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "1.0" if name == "anyio" else version(name))
    found = diagnose()
    assert healths(found, "anyio") == [Health.BAD]
    assert "type: pip install 'anyio>=" in next(one.sentence for one in found if one.what == "anyio")


@pytest.mark.usefixtures("quick")
def test_a_library_that_is_missing_is_bad_unless_it_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    version = metadata.version

    def missing(name: str) -> str:
        if name in ("anyio", "uvloop"):
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", missing)
    found = diagnose()
    assert healths(found, "anyio") == [Health.BAD]
    assert healths(found, "uvloop") == []


@pytest.mark.usefixtures("quick")
def test_the_process_manager_beside_us_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    distribution = metadata.distribution

    def beside(name: str) -> Any:
        return SimpleNamespace(version="4.2.5") if name == "supervisor" else distribution(name)

    monkeypatch.setattr(metadata, "distribution", beside)
    found = diagnose()
    assert healths(found, "supervisor") == [Health.GOOD, Health.BAD]
    assert any("pip uninstall supervisor" in one.sentence for one in found)


@pytest.mark.usefixtures("quick")
def test_a_package_of_another_place_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: SimpleNamespace(origin="/elsewhere/supervisor/__init__.py"))
    assert healths(diagnose(), "supervisor") == [Health.BAD]


@pytest.mark.usefixtures("quick")
def test_few_files_are_a_warning_and_no_failure(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import resource

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4096))
    assert doctor() == 0
    assert re.search(r"warning\s+open files\s+at most 256; .*ulimit -n 1024", capsys.readouterr().out)


@pytest.mark.usefixtures("quick")
def test_a_clock_that_ticks_coarsely_is_a_warning_and_one_that_is_set_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = {
        "monotonic": SimpleNamespace(resolution=0.05, monotonic=True, adjustable=False),
        "perf_counter": SimpleNamespace(resolution=1e-9, monotonic=True, adjustable=True),
    }
    monkeypatch.setattr(time, "get_clock_info", clocks.__getitem__)
    found = diagnose()
    assert healths(found, "monotonic clock") == [Health.WARNING]
    assert healths(found, "perf_counter clock") == [Health.BAD]


@pytest.mark.usefixtures("quick")
def test_a_sqlite_without_locks_or_too_old_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlite3

    monkeypatch.setattr(sqlite3, "threadsafety", 0)
    assert healths(diagnose(), "sqlite") == [Health.BAD]
    monkeypatch.setattr(sqlite3, "threadsafety", 3)
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 7, 0))
    assert healths(diagnose(), "sqlite") == [Health.BAD]


def test_a_loop_on_which_no_tree_runs_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no loop")

    monkeypatch.setattr(doctor_module.anyio, "run", broken)
    found = diagnose()
    assert healths(found, "trio loop") == healths(found, "asyncio loop") == [Health.BAD]


def test_a_look_that_fails_does_not_hide_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> Iterator[Any]:
        raise ZeroDivisionError

    monkeypatch.setattr(doctor_module, "_loops", broken)
    assert doctor() == 1
    printed = capsys.readouterr().out
    assert "could not be looked at: ZeroDivisionError()" in printed
    assert "perf_counter clock" in printed


def test_not_being_installed_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_module, "DISTRIBUTION", "oneforone-that-nobody-has")
    monkeypatch.setattr(doctor_module, "_loops", lambda: iter(()))
    assert healths(diagnose(), "oneforone-that-nobody-has") == [Health.BAD]


# ---------------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain · ü 漢", "plain · ü 漢"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\nb\r", "a\\nb\\r"),
        ("\u202e", "\\u202e"),
        ("\x00\x9b", "\\x00\\x9b"),
    ],
)
def test_only_what_can_be_printed_is(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_every_field_of_a_spec_is_drawn_or_is_what_it_is_by_default() -> None:
    """A new field of a spec that nobody draws would be one that nobody sees."""
    drawn = {"id", "restart", "shutdown", "significant", "backoff", "on_error", "start", "run", "name", "mailbox", "store"}
    drawn |= {"start_timeout", "watchdog", "children", "strategy", "intensity", "auto_shutdown", "scoped", "contains_stop"}
    drawn |= {"max_children"}
    fields = {field.name for kind in (ActorSpec, SupervisorSpec, DynamicSupervisorSpec) for field in kind.__attrs_attrs__}
    assert fields - drawn == set()


def test_a_spec_says_all_that_differs_from_the_default() -> None:
    from supervisor import (
        KILL,
        Actor,
        AutoShutdown,
        Backoff,
        BackoffKind,
        Conflate,
        Exhausted,
        Intensity,
        Mailbox,
        MemoryStore,
        Name,
        OnRestart,
        Restart,
        Scope,
        TaskSpec,
    )
    from supervisor.policies import OnError

    spec = ActorSpec(
        "a",
        Actor,
        restart=Restart.TRANSIENT,
        shutdown=KILL,
        significant=True,
        backoff=Backoff(2.0, kind=BackoffKind.FIXED, give_up_after=3),
        on_error={ValueError: OnError.RESUME},
        name=Name("n"),
        mailbox=Mailbox(5, Conflate(str), OnRestart.DROP),
        store=MemoryStore(),
        start_timeout=1.0,
        watchdog=2.0,
    )
    assert " · ".join(describe(spec)) == (
        "actor · transient · killed at once · backoff 2 s, gives up after 3 · name 'n' · significant"
        " · on error: ValueError resume · mailbox 5 conflating, emptied at a restart · watchdog 2 s"
        " · start within 1 s · store MemoryStore"
    )
    many = DynamicSupervisorSpec(
        "d",
        max_children=3,
        intensity=Intensity(1, 2.0, Scope.CHILD, Exhausted.GIVE_UP),
        auto_shutdown=AutoShutdown.ALL_SIGNIFICANT,
        scoped=True,
        contains_stop=True,
    )
    assert " · ".join(describe(many)) == (
        "dynamic supervisor · permanent · 1 restarts in 2 s for each child, then gives up on it · at most 3 children"
        " · auto shutdown: all_significant · names scoped · contains a stop of the tree · stops in its own time"
    )
    assert describe(TaskSpec("t", print)) == ("task", "permanent", "stops within 5 s")


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.0, "0.0 s"), (61.0, "1 min 1 s"), (7_260.0, "2 h 1 min"), (90_000.0, "1 d 1 h")]
)
def test_an_uptime_is_said_as_people_say_it(seconds: float, words: str) -> None:
    failed = child(phase="restarting", incarnation=3, uptime=seconds, failures=1, restarts_in_window=2, backoff_left=1.25)
    told = msgspec.structs.replace(failed, last_exit="Killed\n  it", mailbox=4, dropped=9)
    assert describe_child(told) == (
        "restarting",
        "life 3",
        f"up {words}",
        "2/5 restarts",
        "next in 1.2 s",
        "4 queued",
        "9 dropped",
        "last: Killed it",
    )


def test_a_budget_is_shown_on_the_row_of_whose_it_is() -> None:
    assert "2/5 restarts" in describe_child(child(restarts_in_window=2))
    assert describe_child(child(restarts_in_window=0)) == ("running", "life 1", "up 0.0 s")


def test_every_command_is_named_in_the_help_with_the_exit_codes() -> None:
    names = {name for name in app if not name.startswith("-")}
    assert {"check", "tree", "doctor", "demo", "simulate"} <= names
    assert all(app[name].help for name in names)
    for code in (commands.GOOD, commands.BROKEN, commands.WRONG, commands.INTERRUPTED, commands.UNREAD):
        assert re.search(rf"\b{code}\b", str(app.help_epilogue))
        assert re.search(rf"^ +{code}\b", str(verbs.__doc__), re.MULTILINE)
