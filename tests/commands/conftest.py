"""What every test here is given."""

from __future__ import annotations

import re
import sys
import textwrap
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from supervisor.commands import diagnosis as doctor_module
from supervisor.commands import doctor
from supervisor.commands.diagnosis import Health, diagnose
from tests.commands.support import BOT, healths


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
