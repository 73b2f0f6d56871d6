"""The command `oneforone`.

Its exit codes are in `supervisor/commands.py`, with the commands for trees.
"""

from __future__ import annotations

import logging
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

import anyio
import structlog
from cyclopts import App, CycloptsError, Parameter
from cyclopts.validators import Number
from rich.console import Console

from actors.demo import DemoConfig, run_demo
from actors.drills.command import resilience
from actors.errors import ActorsError
from actors.explain_command import explain_error
from actors.simulator.command import simulate
from supervisor import Failed, SupervisorError
from supervisor.commands import BROKEN, INTERRUPTED, UNREAD, WRONG, check, doctor, ending, tree
from supervisor.exits import classify

__all__ = ["app", "main"]

EXIT_CODES = (
    "Exit codes: 0 all is well; 1 something is not as it must be: a wrong spec, a broken invariant, an environment in which "
    "trees do not run; 2 wrong usage, or it could not start; 130 interrupted; 141 nobody reads the output any more."
)

app = App(
    name="oneforone",
    help="Supervision trees for Python, and the actors that keep an exchange bot alive.",
    help_epilogue=EXIT_CODES,
    version=lambda: version("oneforone"),
)
app.command(simulate)
app.command(resilience)
app.command(check)
app.command(tree)
app.command(doctor)
app.command(explain_error, name="explain")


@app.command
def demo(
    *,
    replay: Path | None = None,
    backend: Literal["asyncio", "trio"] = "trio",
    seed: int = 0,
    speed: Annotated[float, Parameter(validator=Number(gt=0, lte=10_000))] = 2.5,
    plain: Annotated[bool, Parameter(negative=())] = False,
    capture: Path | None = None,
) -> int:
    """Hurt a market-data bot on purpose, and see it lose nothing. Takes about 40 seconds.

    Args:
        replay: a recording to play, instead of a synthetic market.
        backend: the event loop of the bot.
        seed: the same seed gives the same market and the same victims.
        speed: market seconds per second.
        plain: print lines, also in a terminal.
        capture: write the last picture and the report to this file, as SVG.

    Returns:
        The exit code: 1 when an invariant broke.
    """
    if capture is not None and (capture.is_dir() or not os.access(capture.parent, os.W_OK)):
        # Now, and not when the demo is over and its picture lost.
        print(
            f"oneforone demo: cannot write {capture}; give a file in a folder that exists and can be written to",
            file=sys.stderr,
        )
        return WRONG
    console = Console()
    plain = plain or not console.is_terminal
    # The picture is for the screen alone; what the actors log would tear it.
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr) if plain else structlog.ReturnLoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
    )
    try:
        config = DemoConfig(replay=replay, seed=seed, speed=speed, plain=plain, capture=capture)
        report = anyio.run(run_demo, config, console, backend=backend)
    except BaseException as error:
        match classify(error):  # the demo's own tasks make groups
            case Failed(KeyboardInterrupt()):
                return INTERRUPTED
            case Failed(SystemExit()):  # rich ends so when its pipe is broken
                return UNREAD
            case Failed(ActorsError() | SupervisorError() as known):
                print(f"oneforone demo: {known}", file=sys.stderr)
                return WRONG
        raise
    return BROKEN if report.broken() else 0


def main() -> None:
    """Run the command and exit with its code."""
    try:
        sys.exit(ending(lambda: app(sys.argv[1:], exit_on_error=False, result_action="return_value")))
    except CycloptsError:  # it has been said what is wrong
        sys.exit(WRONG)


if __name__ == "__main__":
    main()
