"""`python -m benchmarks.peers [PEER ...]`: the same cases on other libraries and on Erlang, one table.

Case by case, so that those who are compared are measured within a minute of each other; who comes first rotates from case to
case. Each case of each peer is a process of its own. oneforone takes part by `python -m benchmarks`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import msgspec
from attrs import frozen
from cyclopts import App, Parameter
from rich.console import Console

from benchmarks.machine import machine
from benchmarks.peers.environments import PEERS, ROOT, NotHere, Peer, python_of
from benchmarks.peers.harness import CASES, PERCENTILES, case_of
from benchmarks.peers.lines import OURS, Line, copied, parse, reasons, table

__all__ = ["main"]

ONEFORONE = "oneforone"
REPORT = Path("build/peers.json")
"""Where the figures are written when all was measured and nothing else is said."""
WIDE = 220
"""Columns of the table where there is no terminal."""
WITHIN = 90.0
"""Seconds for one case of one peer."""
ONCE = frozenset({"crowd"})
"""Commands of which one round is enough, because each takes a minute: a hundred thousand actors on three loops."""
OURS_WITHIN = 600.0
"""Seconds for one command of `python -m benchmarks`, which measures three loops."""

app = App(name="python -m benchmarks.peers", help="The same cases on other libraries and on Erlang.")
Runner = Callable[[str], list[Line]]


class RunFailed(Exception):
    """A process ended badly, or not in time; the message says how."""


@frozen
class Measuring:
    """How processes are run."""

    rounds: int
    within: float = WITHIN

    def output(self, command: Sequence[str], within: float | None = None) -> str:
        """What it printed.

        Raises:
            RunFailed: it did not end in time, or not with 0.
        """
        within = self.within if within is None else within
        # Files and not pipes: what a killed process leaves behind would keep a pipe open. Its own session, so that all that it
        # started is killed with it.
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            process = subprocess.Popen(command, stdout=out, stderr=err, text=True, cwd=ROOT, start_new_session=True)
            try:
                code = process.wait(within)
            except subprocess.TimeoutExpired:
                raise RunFailed(f"not done within {within:g} s") from None
            finally:
                _kill_session(process)
            out.seek(0)
            err.seek(0)
            if code != 0:
                raise RunFailed(f"exit code {code}: {(err.read().strip().splitlines() or ['nothing was said'])[-1]}")
            return out.read()

    def peer(self, peer: Peer, python: str, case: str) -> list[Line]:
        """A case of a peer: its figures, or the reason why there are none."""
        try:
            return parse(self.output([python, "-m", peer.script, case, "--rounds", str(self.rounds)]))
        except (RunFailed, ValueError) as error:
            return [reasons(peer.name, case, failed=str(error))]

    def ours(self, case: str) -> list[Line]:
        """oneforone's figures, taken in this case's place."""
        if case not in OURS:
            return []
        command, wanted = OURS[case]
        with tempfile.TemporaryDirectory() as folder:
            json = Path(folder) / "figures.json"
            rounds = 1 if command in ONCE else self.rounds
            arguments = ["-m", "benchmarks", command, "--rounds", str(rounds), "--json", str(json)]
            try:
                self.output([sys.executable, *arguments], OURS_WITHIN)
                report: Mapping[str, Any] = msgspec.json.decode(json.read_bytes())
            except (RunFailed, OSError, msgspec.MsgspecError) as error:
                return _lost((here for _, here, _ in wanted), f"python -m benchmarks {command}: {error}")
        found = copied(command, wanted, report, version(ONEFORONE))
        have = {line.case for line in found}
        lost = (here for _, here, _ in wanted if here not in have)
        return found + _lost(lost, f"python -m benchmarks {command} has no such figure")


def _kill_session(process: subprocess.Popen[str]) -> None:
    """The process, and those that it left behind."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def runners(peers: Sequence[Peer], measuring: Measuring, say: Callable[[str], object]) -> dict[str, Runner]:
    """For each peer what runs a case of it; where it is not here, what says so."""
    found: dict[str, Runner] = {}
    for peer in peers:
        say(f"{peer.name}: its environment")
        try:
            python = python_of(peer)
        except NotHere as error:
            found[peer.name] = partial(_not_here, peer.name, str(error))
        else:
            found[peer.name] = partial(measuring.peer, peer, python)
    return found


def _lost(figures: Iterable[str], why: str) -> list[Line]:
    return [reasons(ONEFORONE, case, failed=why) for case in dict.fromkeys(map(case_of, figures))]


def _not_here(name: str, why: str, case: str) -> list[Line]:
    return [reasons(name, case, cannot=why)]


def measure(runners: Mapping[str, Runner], cases: Sequence[str], say: Callable[[str], object]) -> list[Line]:
    """All peers on the first case, then all on the next, which another one begins."""
    lines, names = [], list(runners)
    for number, case in enumerate(cases):
        first = number % max(1, len(names))
        for name in names[first:] + names[:first]:
            say(f"{case}: {name}")
            lines += runners[name](case)
    order = [name for case in CASES for name in (case, *(f"{case}-{part}" for part in PERCENTILES))]
    return sorted(lines, key=lambda line: order.index(line.case))


@app.default
def bench(
    *peers: str,
    cases: str = ",".join(CASES),
    rounds: int = 5,
    within: float = WITHIN,
    json: Annotated[Path | None, Parameter(help="write the figures to this file; of all, to build/peers.json")] = None,
) -> int:
    """Measure all, or those that are named.

    Args:
        peers: pykka, triotp, mode, xoscar, thespian, thespian-processes, erlang, oneforone.
        cases: which cases, such as `tell-1-1,crash`.
        rounds: how often floor and case alternate.
        within: seconds for one case of one peer.

    Returns:
        The exit code: 1 when a case failed. A peer that is not here is told, and does not.
    """
    known, chosen = [*(peer.name for peer in PEERS), ONEFORONE], cases.split(",")
    for what, given, there in (("peer", peers, known), ("case", chosen, [*CASES])):
        unknown = [name for name in given if name not in there]
        if unknown:
            print(f"no {what} {unknown[0]!r}; there are {', '.join(there)}", file=sys.stderr)
            return 2
    wanted, measuring = peers or tuple(known), Measuring(rounds, within)
    began = datetime.now(UTC)
    with Console(stderr=True).status("") as status:
        run = runners([peer for peer in PEERS if peer.name in wanted], measuring, status.update)
        if ONEFORONE in wanted:
            run[ONEFORONE] = measuring.ours
        lines = measure(run, chosen, status.update)
    console = Console() if sys.stdout.isatty() else Console(width=WIDE)
    console.print(table(lines))
    took = (datetime.now(UTC) - began).total_seconds()
    console.print(f"{machine()}; wall clock, median of {rounds} rounds (min to max); {took:.0f} s in all", highlight=False)
    if json is None and not peers and chosen == [*CASES]:
        json = REPORT
    if json is not None:
        report = {"at": began, "machine": machine(), "rounds": rounds, "seconds": took, "figures": lines}
        json.parent.mkdir(parents=True, exist_ok=True)
        json.write_bytes(msgspec.json.format(msgspec.json.encode(report)))
        console.print(f"written to {json}", highlight=False)
    return 1 if any(line.failed for line in lines) else 0


def main() -> None:
    """Run the command and exit with its code."""
    sys.exit(app(sys.argv[1:], result_action="return_value"))


if __name__ == "__main__":
    main()
