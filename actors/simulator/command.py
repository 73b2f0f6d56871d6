"""The simulator as a command: `oneforone simulate`, and `python -m actors.simulator`.

It writes one line of JSON to standard output once it accepts connections (`Started`), and runs until SIGINT or SIGTERM.
What prevents it from starting is one plain sentence on standard error, and exit code 2.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated, Literal

import anyio
import cyclopts
import msgspec
from cyclopts import Parameter

from actors.errors import ActorsError
from actors.simulator.config import SimulatorConfig, Started, WrongConfig
from actors.simulator.process import Failure
from actors.simulator.server import serve

__all__ = ["main", "run_simulator", "simulate"]

WRONG = 2
"""Exit code for anything that prevents a start."""

Backend = Literal["asyncio", "trio"]
_DEFAULTS = SimulatorConfig()


def simulate(
    *,
    dialect: Literal["binance", "okx"] = _DEFAULTS.dialect,
    symbol: Annotated[list[str] | None, Parameter(negative=())] = None,
    seed: int = _DEFAULTS.seed,
    speed: str = "1",
    replay: Path | None = None,
    replay_http: Path | None = None,
    endpoints: int = _DEFAULTS.endpoints,
    port: Annotated[list[int] | None, Parameter(negative=())] = None,
    control_port: int = _DEFAULTS.control_port,
    ping_interval: float = _DEFAULTS.ping_interval,
    compression: Annotated[bool, Parameter(negative=())] = False,
    backend: Backend = "asyncio",
) -> int:
    """Run a simulated exchange on this machine, until interrupted. Prints its addresses as one line of JSON.

    Args:
        dialect: whose protocol is spoken; with okx, limits are OKX's.
        symbol: a symbol of the synthetic market, like BTC/USDT; may be given several times.
        seed: the same seed gives the same market and the same victims of faults.
        speed: market seconds per second, or max.
        replay: a recording to play instead of the synthetic market.
        replay_http: the recorded REST answers that belong to it; looked for beside it when not given.
        endpoints: how many ports serve the market.
        port: the port of an endpoint; given once per endpoint, or not at all for free ones.
        control_port: the port for injecting faults; 0 for a free one.
        ping_interval: seconds between the pings of the server.
        compression: agree to compressed frames.
        backend: the event loop to run on.

    Returns:
        The exit code.
    """
    try:
        config = SimulatorConfig(
            dialect=dialect,
            symbols=tuple(symbol) if symbol else _DEFAULTS.symbols,
            seed=seed,
            speed=_speed(speed),
            replay=str(replay) if replay else None,
            replay_http=str(replay_http) if replay_http else None,
            endpoints=endpoints,
            ports=tuple(port or ()),
            control_port=control_port,
            ping_interval=ping_interval,
            compression=compression,
        )
    except WrongConfig as exc:
        print(exc, file=sys.stderr)
        return WRONG
    return run_simulator(config, backend=backend, failed=lambda sentence: print(sentence, file=sys.stderr))


def run_simulator(config: SimulatorConfig, *, backend: Backend, failed: Callable[[str], object]) -> int:
    """Run a simulator in this process and write `Started` to standard output when it accepts connections.

    Args:
        config: what it is.
        backend: the loop.
        failed: is given the sentence that says why it cannot start.

    Returns:
        The exit code: 0 after SIGINT or SIGTERM, 2 where it could not start.
    """
    try:
        anyio.run(_until_signalled, config, backend=backend)
    except ActorsError as exc:
        failed(str(exc))
        return WRONG
    return 0


def main(arguments: list[str]) -> int:
    """`python -m actors.simulator`: the options of `simulate`, or `--json CONFIG BACKEND` for another process of ours."""
    match arguments:
        case ["--json", text, ("asyncio" | "trio") as backend]:
            return _for_a_parent(text, backend)
        case _:
            return _for_a_person(arguments)


def _for_a_parent(text: str, backend: Backend) -> int:
    _end_with_stdin()
    try:
        config = msgspec.json.decode(text, type=SimulatorConfig)
    except msgspec.MsgspecError as exc:
        _write_line(Failure(str(exc)))
        return WRONG
    return run_simulator(config, backend=backend, failed=lambda sentence: _write_line(Failure(sentence)))


def _for_a_person(arguments: list[str]) -> int:
    app = cyclopts.App(name="python -m actors.simulator", default_command=simulate, result_action="return_value")
    try:
        code = app(arguments, exit_on_error=False, print_error=False)
    except cyclopts.CycloptsError as exc:
        print(str(exc).strip() or "the arguments are wrong; try --help", file=sys.stderr)
        return WRONG
    return code if isinstance(code, int) else 0


async def _until_signalled(config: SimulatorConfig) -> None:
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            tasks.start_soon(_cancel_on_signal, signals, tasks.cancel_scope)
            try:
                await serve(config, started=_write_line)
            except ActorsError as exc:
                # Raised outside the group, so that it arrives bare.
                failure = exc
                tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure


async def _cancel_on_signal(signals: AsyncIterator[signal.Signals], scope: anyio.CancelScope) -> None:
    async for _ in signals:
        scope.cancel()


def _write_line(value: Started | Failure) -> None:
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def _end_with_stdin() -> None:
    """End this process when the one that started it is gone, even if it was killed: then our standard input ends."""

    def wait() -> None:
        # Not sys.stdin: a daemon thread that holds its lock at exit is a fatal error of the interpreter.
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="end-with-stdin", daemon=True).start()


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        return float(text)
    except ValueError:
        raise WrongConfig("speed", text, "a number above 0 and up to 10000, or max") from None
