"""The command `oneforone resilience`: the drills, run and reported."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import anyio
import msgspec
import structlog
from attrs import field, frozen
from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console

from actors.drills.director import run_drill
from actors.drills.plan import Client, Drill, Fault, Patience, make_plan
from actors.drills.result import Report
from actors.drills.view import absent_line, outcome_line, print_report
from actors.drills.witness import installed
from actors.errors import ActorsError
from supervisor import Failed
from supervisor.commands import BROKEN, INTERRUPTED, WRONG
from supervisor.exits import classify

__all__ = ["DrillsConfig", "resilience", "run_drills"]


@frozen(kw_only=True)
class DrillsConfig:
    """What to run."""

    runs: int = 10
    faults: tuple[Fault, ...] = tuple(Fault)
    clients: tuple[Client, ...] = tuple(Client)
    backend: str = "trio"
    speed: float = 2.0
    seed: int = 0
    patience: Patience = field(factory=Patience)


async def run_drills(config: DrillsConfig, console: Console) -> Report:
    """Run the drills; a line is printed when one is over.

    Args:
        config: what to run.
        console: where to print.

    Returns:
        The report, judged.

    Raises:
        SimulatorError: a simulated exchange could not be started; a sentence.

    Cancellation: all that was started is ended.
    """
    began = anyio.current_time()
    here = tuple(client for client in config.clients if installed(client))
    report = Report(backend=config.backend, speed=config.speed, seed=config.seed, outcomes=[], absent=[], reach=[])
    report.absent = [client for client in Client if client in config.clients and client not in here]
    for client in report.absent:
        _say(console, absent_line(client))
    for stage in make_plan(here, config.faults, config.runs):
        async with anyio.create_task_group() as group:
            for lane in stage:
                group.start_soon(_lane, lane, config, report, console)
    report.judge()
    report.seconds = anyio.current_time() - began
    return report


async def _lane(lane: list[Drill], config: DrillsConfig, report: Report, console: Console) -> None:
    """The drills of one client, one after the other. Cancellation: all that was started is ended."""
    for drill in lane:
        outcome = await run_drill(drill, backend=config.backend, speed=config.speed, seed=config.seed, patience=config.patience)
        report.outcomes.append(outcome)
        _say(console, outcome_line(outcome))


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True, markup=False)


def resilience(
    *,
    runs: Annotated[int, Parameter(validator=Number(gte=1, lte=1000))] = 10,
    fault: Annotated[list[Fault] | None, Parameter(negative=())] = None,
    client: Annotated[list[Client] | None, Parameter(negative=())] = None,
    backend: Literal["asyncio", "trio"] = "trio",
    speed: Annotated[float, Parameter(validator=Number(gt=0, lte=20))] = 2.0,
    seed: int = 0,
    json: Path | None = None,
) -> int:
    """Do four faults to a bot, and to ccxt and python-binance where they are installed, and see what each loses.

    Each client runs with the settings it has when nobody says anything. All of it takes some seven minutes.

    Args:
        runs: rounds of each fault; fewer where a round takes long.
        fault: which; may be given several times. All of them when not given.
        client: whom; likewise.
        backend: the event loop of ours; the others have asyncio alone.
        speed: market seconds per second.
        seed: the same seed gives the same market.
        json: write all figures to this file.

    Returns:
        The exit code: 1 when ours misses what it must reach.
    """
    if json is not None and (json.is_dir() or not os.access(json.parent, os.W_OK)):
        # Now, and not when minutes have been spent on figures that are lost.
        sentence = f"cannot write {json}; give a file in a folder that exists and can be written to"
        print(f"oneforone resilience: {sentence}", file=sys.stderr)
        return WRONG
    config = DrillsConfig(
        runs=runs,
        faults=tuple(fault or Fault),
        clients=tuple(client or Client),
        backend=backend,
        speed=speed,
        seed=seed,
    )
    console = Console()
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
    )
    try:
        report = anyio.run(run_drills, config, console)
    except BaseException as error:
        match classify(error):  # the lanes make groups
            case Failed(KeyboardInterrupt()):
                return INTERRUPTED
            case Failed(ActorsError() as known):
                print(f"oneforone resilience: {known}", file=sys.stderr)
                return WRONG
        raise
    print_report(console, report)
    if json is not None:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    return BROKEN if report.missed else 0
