"""The examples, and the README's code, run as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXPECTED = {
    "01_account.py": "balance: 10",
    "02_tree.py": "third · running · life 2",
    "03_embed_in_asyncio.py": "position: 1.0",
    "04_market_data.py": "Trade(",
    "06_pool.py": "BTC for the 3. time",
    "07_calls_that_fail.py": "order sent 1 time: reconcile bot-17",
    "05_from_threads.py": "position: 200.0",
    "08_kraken.py": "Kraken's adapter keeps the contract",
    "09_fault_tolerance.py": "in force: protocol BTCUSDT (an operator has put it in force)",
}


def run(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], check=False, capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.real_time
@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "examples").glob("*.py")))
def test_the_example_says_what_it_should(name: str) -> None:
    assert EXPECTED[name] in run(f"examples/{name}")


@pytest.mark.real_time
def test_the_account_of_the_readme_runs() -> None:
    (account,) = re.findall(r"```python\n(from attrs.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    run("-c", account)


def test_the_readme_names_only_files_that_exist() -> None:
    for path in re.findall(r"\]\(((?!http)[^)]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / path).exists(), path


@pytest.mark.real_time
def test_the_guarded_calls_of_the_readme_are_accepted() -> None:
    (calls,) = re.findall(r"```python\n(from actors.resilience.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    run("-c", "Order = Ack = object\n" + calls)
