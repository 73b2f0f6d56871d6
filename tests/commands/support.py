"""What the tests of the commands have in common."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from supervisor.commands.diagnosis import Health
from supervisor.snapshot import ChildSnapshot

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

ROOT = Path(__file__).parent.parent.parent


def module(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.py").write_text(textwrap.dedent(text))


def oneforone(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "actors.cli", *arguments]
    full = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, env=full, cwd=cwd)


@contextmanager
def running(backend: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A bot in a process of its own, and the path of its control socket."""
    folder = tempfile.mkdtemp(prefix="one")
    script = Path(folder, "bot.py")
    script.write_text(textwrap.dedent(RUNNER))
    door = f"{folder}/door"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script), backend, door]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield door, process
        finally:
            process.kill()
    shutil.rmtree(folder)


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


def healths(found: list[Any], what: str) -> list[Health]:
    return [one.health for one in found if one.what == what]


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
