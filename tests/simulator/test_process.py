"""The simulator in a process of its own, and as a command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import httpx
import msgspec
import pytest

from actors.simulator import Control, SimulatorConfig, SimulatorError, Started, command, running_simulator
from tests.simulator.support import PATIENCE, connected, get

pytestmark = [pytest.mark.real_time, pytest.mark.slow]

COMMAND = [sys.executable, "-m", "actors.simulator"]


@pytest.mark.anyio
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
async def test_it_runs_for_as_long_as_the_block_and_then_is_gone(backend: str) -> None:
    async with running_simulator(SimulatorConfig(symbols=("BTC/USDT",)), backend=backend) as running:
        assert isinstance(running, Started)
        assert (await get(f"{running.rest_urls[0]}/api/v3/ping")).json() == {}
        async with connected(f"{running.stream_urls[0]}/stream?streams=btcusdt@trade") as client:
            assert (await client.next())["stream"] == "btcusdt@trade"
            assert len((await Control(running.control_url).status()).connections) == 1

    with pytest.raises(httpx.ConnectError):
        await get(f"{running.rest_urls[0]}/api/v3/ping")


@pytest.mark.anyio
async def test_it_is_gone_after_an_error_too() -> None:
    with pytest.raises(RuntimeError, match="mine"):
        async with running_simulator(SimulatorConfig()) as running:
            raise RuntimeError("mine")

    with pytest.raises(httpx.ConnectError):
        await get(f"{running.rest_urls[0]}/api/v3/ping")


@pytest.mark.anyio
async def test_why_it_cannot_start_is_told_in_its_own_words(tmp_path: Path) -> None:
    config = SimulatorConfig(replay=str(tmp_path / "nope"))

    with pytest.raises(SimulatorError, match=r"cannot read the recording .*nope: No such file"):
        async with running_simulator(config):
            raise AssertionError("it started")


@pytest.mark.anyio
async def test_it_ends_when_its_parent_is_gone() -> None:
    config = msgspec.json.encode(SimulatorConfig()).decode()
    process = await anyio.open_process(
        [*COMMAND, "--json", config, "asyncio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None
    )
    async with process:
        assert process.stdin is not None
        assert process.stdout is not None
        with anyio.fail_after(PATIENCE):
            await process.stdout.receive()
            await process.stdin.aclose()
            assert await process.wait() == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--speed", "fast"], "speed is 'fast', expected a number above 0 and up to 10000, or max"),
        (["--replay", "/nope"], "cannot read the recording /nope: No such file or directory"),
        (["--endpoints", "x"], 'Invalid value for --endpoints: unable to convert "x" into int.'),
        (["--symbol", "btc"], "symbol is 'btc', expected BASE/QUOTE in capitals, for example BTC/USDT"),
        (["--color", "red"], "Unknown option: --color."),
    ],
)
def test_wrong_arguments_are_one_sentence_and_exit_code_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # A process takes a second, nearly all of it for imports; that the code is its exit code is shown once, below.
    code = command.main(arguments)
    told = capsys.readouterr()

    assert (code, told.out) == (2, "")
    assert told.err.strip().startswith(said)
    assert len(told.err.strip().splitlines()) == 1


def test_the_process_exits_with_the_code_of_its_command() -> None:
    done = subprocess.run([*COMMAND, "--replay", "/nope"], capture_output=True, text=True, timeout=PATIENCE, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "cannot read the recording /nope: No such file or directory\n"


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_command_says_where_it_is_and_ends_on_a_signal(stop: signal.Signals) -> None:
    arguments = ["--symbol", "BTC/USDT", "--endpoints", "1", "--backend", "trio"]
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = msgspec.json.decode(process.stdout.readline(), type=Started)
        os.kill(process.pid, stop)
        _, errors = process.communicate(timeout=PATIENCE)

    assert (said.symbols, len(said.stream_urls)) == (("BTC/USDT",), 1)
    assert (process.returncode, errors) == (0, b"")
