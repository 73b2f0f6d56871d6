"""`run` and `background` as whole programs: real processes, real signals, what they print and how they exit."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import pytest

from supervisor import SpecError, Supervisor, run
from supervisor.testing.virtual_time import virtual_backend
from tests.semantics.actors import Journal, actor, tree

SECONDS = 30.0
"""How long a program may take, however busy the machine."""

PRELUDE = """
import math, signal, sys, threading
import anyio
from supervisor import *

BACKEND = sys.argv[1]
QUIET = [lambda event: None]

def say(text):
    print(text, flush=True)

class Child(Actor[str]):
    def __init__(self, id):
        self.id = id

    async def on_start(self):
        say("+" + self.id)
        if self.id.startswith("slow to start"):
            await anyio.sleep_forever()

    async def receive(self, message):
        if message == "crash":
            raise ValueError("crashed")
        if message == "interrupt":
            raise KeyboardInterrupt
        if message == "exit":
            raise SystemExit(7)

    async def on_stop(self, reason):
        say("?" + self.id)
        if self.id.startswith("refuses"):
            await anyio.sleep_forever()
        say("-" + self.id)

def tree(*ids, **kwargs):
    return SupervisorSpec("root", [ActorSpec(id, lambda id=id: Child(id), shutdown=math.inf) for id in ids], **kwargs)

async def main(root):
    say("ready")
    await anyio.sleep_forever()

"""


class Program:
    """A process that runs a script after the prelude."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def until(self, line: str) -> list[str]:
        """What it says, up to that line."""
        said: list[str] = []
        assert self._process.stdout is not None
        while not said or said[-1] != line:
            got = self._process.stdout.readline()
            assert got, f"it ended after {said}: {self._process.communicate(timeout=SECONDS)[1]}"
            said.append(got.rstrip("\n"))
        return said

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def signal_until_it_ends(self, number: int) -> None:
        """As often as it takes: two that come at once are one."""
        until = time.monotonic() + SECONDS
        while self._process.poll() is None and time.monotonic() < until:
            self._process.send_signal(number)
            time.sleep(0.05)  # real time: it is another process that is to end

    def end(self) -> tuple[list[str], int, str]:
        """The rest of what it says, its exit code, and what it wrote to stderr."""
        out, err = self._process.communicate(timeout=SECONDS)
        return out.splitlines(), self._process.returncode, err


@contextmanager
def program(backend: str, script: str) -> Iterator[Program]:
    command = [sys.executable, "-c", PRELUDE + textwrap.dedent(script), backend]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        watchdog = threading.Timer(SECONDS, process.kill)  # a program that hangs would otherwise hang `readline`
        watchdog.start()
        try:
            yield Program(process)
        finally:
            watchdog.cancel()
            process.kill()


@pytest.fixture(params=["trio", "asyncio"])
def backend(request: pytest.FixtureRequest) -> str:
    return request.param


def process_test(function: Any) -> Any:
    return pytest.mark.real_time(pytest.mark.slow(function))


# ---- signals


@process_test
@pytest.mark.item(159)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_stops_the_tree_in_order_and_the_program_goes_on(backend: str, number: int) -> None:
    script = """
    say(f"result {run(tree(*'abc'), main, backend=BACKEND, sinks=QUIET)}")
    """
    with program(backend, script) as running:
        assert running.until("ready") == ["+a", "+b", "+c", "ready"]
        running.signal(number)
        said, code, error = running.end()
    assert said == ["?c", "-c", "?b", "-b", "?a", "-a", "result None"]
    assert (code, error) == (0, "")


@process_test
def test_a_second_signal_kills_a_child_that_refuses_to_stop_and_all_before_it(backend: str) -> None:
    script = """
    say(run(tree("a", "refuses", "c"), main, backend=BACKEND, sinks=QUIET, deadline=None))
    """
    with program(backend, script) as running:
        running.until("ready")
        running.signal(signal.SIGTERM)
        assert running.until("?refuses") == ["?c", "-c", "?refuses"]
        running.signal(signal.SIGTERM)
        said, code, error = running.end()
    assert said == ["None"]
    assert (code, error) == (0, "")


@process_test
def test_the_deadline_kills_what_refuses_to_stop(backend: str) -> None:
    script = """
    say(run(tree("a", "refuses", "c"), main, backend=BACKEND, sinks=QUIET, deadline=0.1))
    """
    with program(backend, script) as running:
        running.until("ready")
        running.signal(signal.SIGTERM)
        said, code, error = running.end()
    assert said == ["?c", "-c", "?refuses", "None"]
    assert (code, error) == (0, "")


@process_test
def test_a_signal_while_the_tree_starts_stops_what_is_started(backend: str) -> None:
    script = """
    say(run(tree("a", "slow to start"), main, backend=BACKEND, sinks=QUIET))
    """
    with program(backend, script) as running:
        running.until("+slow to start")
        running.signal(signal.SIGTERM)
        said, code, error = running.end()
    assert said == ["?a", "-a", "None"]
    assert (code, error) == (0, "")


@process_test
def test_a_signal_is_not_for_a_tree_that_runs_in_another_thread(backend: str) -> None:
    script = """
    def heed(number, frame):
        say("heeded by the program")
        done.set()

    done = threading.Event()
    signal.signal(signal.SIGTERM, heed)

    async def until_done(root):
        say("ready")
        while not done.is_set():
            await anyio.sleep(0.01)

    thread = threading.Thread(target=run, args=(tree("a"), until_done), kwargs={"backend": BACKEND})
    thread.start()
    thread.join()
    """
    with program(backend, script) as running:
        running.until("ready")
        running.signal(signal.SIGTERM)
        said, code, error = running.end()
    assert said == ["heeded by the program", "?a", "-a"]
    assert (code, error) == (0, "")


# ---- what holds the loop

HOLDS = """
class Blocker(Actor[str]):
    def receive(self, message):
        say("held")
        {how}

spec = SupervisorSpec("root", [ActorSpec("a", Blocker)])

async def hold(root):
    root.child("a").tell("hold")
    await anyio.sleep_forever()

run(spec, hold, backend=BACKEND, sinks=QUIET, deadline={deadline})
say("never")
"""
HOW = {"a call that waits": "import time; time.sleep(600)", "a loop that computes": "while True: pass"}


@process_test
@pytest.mark.parametrize("how", HOW.values(), ids=HOW)
def test_a_third_signal_ends_a_process_whose_loop_is_held_and_says_by_what(backend: str, how: str) -> None:
    with program(backend, HOLDS.format(how=how, deadline=None)) as running:
        running.until("held")
        running.signal_until_it_ends(signal.SIGTERM)
        said, code, error = running.end()
    assert "never" not in said
    assert code == -signal.SIGTERM
    assert error.startswith("supervisor: the third signal, SIGTERM: this process ends now; it was at\n")
    assert ", in receive" in error


@process_test
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_the_deadline_ends_a_process_whose_loop_is_held_and_says_by_what(backend: str, number: int) -> None:
    with program(backend, HOLDS.format(how="while True: pass", deadline=0.0)) as running:
        running.until("held")
        running.signal(number)
        said, code, error = running.end()
    assert "never" not in said
    assert code == 128 + number
    assert error.startswith("supervisor: the deadline has passed and something holds the loop: this process ends now; ")
    assert ", in receive" in error


@process_test
def test_a_third_signal_ends_a_process_in_which_something_refuses_to_be_killed(backend: str) -> None:
    script = """
    class Shielded(Actor[str]):
        async def on_stop(self, reason):
            with anyio.CancelScope(shield=True):
                say("shielded")
                await anyio.sleep_forever()

    run(SupervisorSpec("root", [ActorSpec("a", Shielded)]), main, backend=BACKEND, sinks=QUIET, deadline=None)
    """
    with program(backend, script) as running:
        running.until("ready")
        running.signal(signal.SIGINT)
        running.until("shielded")
        running.signal_until_it_ends(signal.SIGINT)
        _, code, error = running.end()
    assert code == -signal.SIGINT
    assert error.startswith("supervisor: the third signal, SIGINT")


# ---- exit codes


@process_test
def test_an_error_of_main_is_a_traceback_and_exit_code_1(backend: str) -> None:
    script = """
    async def fail(root):
        raise LookupError("mine")

    run(tree("a", "b"), fail, backend=BACKEND, sinks=QUIET)
    """
    with program(backend, script) as running:
        said, code, error = running.end()
    assert said == ["+a", "+b", "?b", "-b", "?a", "-a"]
    assert code == 1
    assert error.startswith("Traceback")
    assert error.rstrip().endswith("LookupError: mine")
    assert "ExceptionGroup" not in error


def ending_with(backend: str, message: str) -> tuple[list[str], int, str]:
    """A program in which a child of an impatient tree gets that message."""
    script = f"""
    async def tell(root):
        root.child("b").tell("{message}")
        await anyio.sleep_forever()

    run(tree("a", "b", intensity=Intensity(0, 10.0)), tell, backend=BACKEND, sinks=QUIET)
    """
    with program(backend, script) as running:
        return running.end()


@process_test
@pytest.mark.item(109)
def test_a_failure_of_the_tree_is_a_traceback_with_its_cause_and_exit_code_1(backend: str) -> None:
    said, code, error = ending_with(backend, "crash")
    assert said[-2:] == ["?a", "-a"]
    assert code == 1
    assert "ValueError: crashed" in error
    assert "RestartIntensityExceeded" in error.rstrip().splitlines()[-1]
    assert "ExceptionGroup" not in error


@process_test
@pytest.mark.item(166)
def test_a_keyboard_interrupt_of_a_child_stops_the_tree_in_order_and_the_process_dies_of_sigint(backend: str) -> None:
    said, code, error = ending_with(backend, "interrupt")
    assert said[-2:] == ["?a", "-a"]
    assert code == -signal.SIGINT
    assert error.rstrip().endswith("KeyboardInterrupt")


@process_test
@pytest.mark.item(166)
def test_a_system_exit_of_a_child_stops_the_tree_in_order_and_is_the_exit_code(backend: str) -> None:
    said, code, error = ending_with(backend, "exit")
    assert said[-2:] == ["?a", "-a"]
    assert (code, error) == (7, "")


# ---- background


BACKGROUND = """
try:
    with background(tree("a", {middle!r}, "c"), backend=BACKEND, sinks=QUIET, deadline=None) as root:
        say("ready")
        root.wait()
finally:
    say("left")
"""


@process_test
@pytest.mark.item(159)
def test_ctrl_c_in_a_synchronous_program_stops_the_tree_in_order(backend: str) -> None:
    with program(backend, BACKGROUND.format(middle="b")) as running:
        running.until("ready")
        running.signal(signal.SIGINT)
        said, code, error = running.end()
    assert said == ["?c", "-c", "?b", "-b", "?a", "-a", "left"]
    assert code == -signal.SIGINT
    assert error.rstrip().endswith("KeyboardInterrupt")


@process_test
def test_a_second_ctrl_c_in_a_synchronous_program_kills_what_is_left(backend: str) -> None:
    with program(backend, BACKGROUND.format(middle="refuses")) as running:
        running.until("ready")
        running.signal(signal.SIGINT)
        running.until("?refuses")
        running.signal(signal.SIGINT)
        said, code, _ = running.end()
    assert said == ["left"]
    assert code == -signal.SIGINT


@process_test
def test_a_synchronous_program_that_exits_on_sigterm_stops_its_tree_in_order(backend: str) -> None:
    heed = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
    with program(backend, heed + BACKGROUND.format(middle="b")) as running:
        running.until("ready")
        running.signal(signal.SIGTERM)
        said, code, error = running.end()
    assert said == ["?c", "-c", "?b", "-b", "?a", "-a", "left"]
    assert (code, error) == (143, "")


@process_test
def test_a_block_that_nobody_leaves_does_not_keep_a_program_that_is_at_its_end(backend: str) -> None:
    script = """
    block = background(tree("a"), backend=BACKEND, sinks=QUIET)
    root = block.__enter__()
    say("ready")
    """
    with program(backend, script) as running:
        said, code, _ = running.end()
    assert said[:2] == ["+a", "ready"]
    assert code == 0


# ---- the loop


def test_the_options_of_the_loop_are_passed_on(backend: str) -> None:
    name, options = virtual_backend(backend)

    async def main(root: Supervisor) -> float:
        await anyio.sleep(80_000.0)
        return anyio.current_time()

    assert (run(tree(actor(Journal(), "a")), main, backend=name, backend_options=options) or 0.0) >= 80_000.0


def test_uvloop_is_an_option_of_asyncio() -> None:
    pytest.importorskip("uvloop", reason="the extra uvloop is not installed")

    async def main(root: Supervisor) -> str:
        import asyncio

        return type(asyncio.get_running_loop()).__module__

    assert run(tree(), main, backend="asyncio", backend_options={"use_uvloop": True}) == "uvloop"


@pytest.mark.parametrize(
    ("wrong", "advice"),
    [
        ({"backend": "uvloop"}, "use_uvloop"),
        ({"backend": None}, "'trio' or 'asyncio'"),
        ({"backend_options": ["uvloop"]}, "a dict"),
    ],
)
def test_what_is_no_loop_is_refused_before_anything_runs(wrong: dict[str, Any], advice: str) -> None:
    with pytest.raises(SpecError, match=advice):
        run(tree(), **wrong)
