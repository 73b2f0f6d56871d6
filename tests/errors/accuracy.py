"""A pytest plugin that shows how many labelled errors `classify` judges right, and each one that it does not.

A test says it with `record_property(SHOWN, line)`. The lines travel with the test's report, so that pytest-xdist's workers hand
them on. It is loaded in the topmost conftest.py: the process that prints collects no tests, and sees no other conftest.py.
"""

from __future__ import annotations

import pytest

SHOWN = "classify"

_lines: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call":
        _lines.extend(str(value) for name, value in report.user_properties if name == SHOWN)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _lines:
        terminalreporter.section("classify, on the labelled errors")
        for line in _lines:
            terminalreporter.write_line(line)
