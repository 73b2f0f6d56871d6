"""`oneforone doctor`: whether trees can run on this machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from supervisor.commands import diagnosis as doctor_module
from supervisor.commands import doctor
from supervisor.commands.diagnosis import Health, at_least, diagnose
from tests.commands.support import healths


@pytest.mark.real_time
@pytest.mark.slow
def test_this_machine_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor() == 0
    lines = capsys.readouterr().out.splitlines()
    for what in ("python", "anyio", "trio loop", "asyncio loop", "sqlite", "open files", "monotonic clock", "supervisor"):
        assert any(re.match(rf"(good|warning)\s+{what}\s", line) for line in lines), what


def test_a_version_is_compared_by_its_numbers() -> None:
    assert at_least("4.16.0", "4.16")
    assert at_least("4.16", "4.16.0")
    assert at_least("10.0", "9.9")
    assert at_least("5.0rc1", "5.0")
    assert not at_least("4.9", "4.16")


def test_a_loop_on_which_no_tree_runs_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no loop")

    monkeypatch.setattr(doctor_module.anyio, "run", broken)
    found = diagnose()
    assert healths(found, "trio loop") == healths(found, "asyncio loop") == [Health.BAD]


def test_a_look_that_fails_does_not_hide_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> Iterator[Any]:
        raise ZeroDivisionError

    monkeypatch.setattr(doctor_module, "_loops", broken)
    assert doctor() == 1
    printed = capsys.readouterr().out
    assert "could not be looked at: ZeroDivisionError()" in printed
    assert "perf_counter clock" in printed


def test_not_being_installed_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_module, "DISTRIBUTION", "oneforone-that-nobody-has")
    monkeypatch.setattr(doctor_module, "_loops", lambda: iter(()))
    assert healths(diagnose(), "oneforone-that-nobody-has") == [Health.BAD]
