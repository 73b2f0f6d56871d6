"""Erlang/OTP: gen_server and supervisor, as they are. Runs where `erl` and `erlc` are.

The floor is Python's, of this process, measured right before and right after: a floor within the virtual machine would be
another one. So there are as many floors as rounds, but they do not alternate with the rounds.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks.peers.floors import asyncio_replaced, asyncio_served, asyncio_starts, asyncio_switches, deque_and_call
from benchmarks.peers.harness import CASES, RECEIVERS, Latencies, Measured, Round, arguments, check, figures, say

SOURCES = Path(__file__).parent / "erlang"
MANY, MANY_MORE = 5_000, 100_000
FLOORS: dict[str, tuple[Callable[[], Round] | None, str]] = {
    "tell-1-1": (deque_and_call, "gen_server:cast, a yield after each burst"),
    "tell-10-1": (deque_and_call, "gen_server:cast"),
    "tell-1-1000": (partial(deque_and_call, RECEIVERS), "gen_server:cast"),
    "ask-in-turn": (asyncio_switches, "gen_server:call; the floor is two of asyncio's switches"),
    "ask-100": (asyncio_served, "gen_server:call; the floor is 100 of asyncio's tasks and a server, by hand"),
    "crash": (asyncio_replaced, "supervisor; the next life says that it is there; no report is logged; the floor is asyncio's"),
    "start-5k": (asyncio_starts(MANY), "simple_one_for_one; the floor is asyncio's tasks"),
    "start-100k": (asyncio_starts(MANY_MORE), "simple_one_for_one; the floor is asyncio's tasks"),
    "memory": (None, "erlang:memory(total), 100 k processes"),
    "stop": (None, "simple_one_for_one, 100 k processes"),
}
AT_MOST = {"start-100k": 3, "stop": 3, "memory": 3}


def program(name: str) -> str:
    """Where it is."""
    found = shutil.which(name)
    if found is None:
        raise SystemExit(f"{name} is not in PATH; benchmarks/README.md says how to install it")
    return found


def release() -> str:
    """Which OTP."""
    said = 'io:format("~s, erts ~s", [erlang:system_info(otp_release), erlang:system_info(version)]), halt().'
    return (
        "OTP " + subprocess.run([program("erl"), "-noshell", "-eval", said], check=True, capture_output=True, text=True).stdout
    )


def parsed(line: str) -> Round:
    """One round, as peers_bench prints it."""
    numbers = json.loads(line)
    if len(numbers) == 2:
        return Measured(*numbers)
    return Latencies(numbers)


def erlang(case: str, rounds: int) -> list[Round]:
    """Compile into a folder that goes away, and run."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program("erlc"), "-o", folder, *map(str, sorted(SOURCES.glob("*.erl")))], check=True)
        command = [program("erl"), "-noshell", "+P", "1000000", "-pa", folder, "-run", "peers_bench", "main", case, str(rounds)]
        # A virtual machine for each round of memory: what it once took it does not take again.
        times = rounds if case == "memory" else 1
        runs = [subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout for _ in range(times)]
    found = [parsed(line) for run in runs for line in run.splitlines()]
    check(len(found), rounds, "rounds of Erlang")
    return found


def around(
    floor: Callable[[], Round] | None, work: Callable[[], Sequence[Round]], rounds: int
) -> tuple[list[Round], list[Round]]:
    """(cases, floors): half of the floors before, half after."""
    if floor is None:
        return list(work()), []
    floor()  # the first one is not counted
    before = [floor() for _ in range(rounds - rounds // 2)]
    cases = list(work())
    return cases, before + [floor() for _ in range(rounds // 2)]


def main() -> None:
    """Run one case and print its figures."""
    check(sorted(FLOORS), sorted(CASES), "the cases of erlang")
    chosen = arguments("benchmarks.peers.on_erlang")
    rounds = min(chosen.rounds, AT_MOST.get(chosen.case, chosen.rounds))
    floor, note = FLOORS[chosen.case]
    cases, floors = around(floor, partial(erlang, chosen.case, rounds), rounds)
    say("erlang", release(), figures(chosen.case, cases, floors, note))


if __name__ == "__main__":
    main()
