"""`oneforone demo` ends with 1 when an invariant broke, and with 0 otherwise."""

from __future__ import annotations

from typing import Any

import pytest
import structlog

from actors import cli
from actors.demo.report import Report
from tests.demo.runs import good_run


@pytest.fixture(autouse=True)
def structlog_as_before() -> Any:
    """The command configures structlog for the whole process; other tests read its lines."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def ending_with(report: Report) -> Any:
    async def run(*args: object, **kwargs: object) -> Report:
        return report

    return run


def test_a_good_run_exits_with_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "run_demo", ending_with(good_run()))
    assert cli.demo(plain=True) == 0


def test_a_broken_invariant_exits_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    report = good_run()
    report.lost = ["trades:binance:BTC/USDT"]
    monkeypatch.setattr(cli, "run_demo", ending_with(report))
    assert cli.demo(plain=True) == 1
