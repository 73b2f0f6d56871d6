"""What the tree logs while it is measured: standard output is for the figures."""

from __future__ import annotations

import sys
from typing import Literal

import structlog

__all__ = ["log_to_stderr"]


def log_to_stderr(*, least: Literal["warning", "error"]) -> None:
    """Send the tree's log to standard error.

    Args:
        least: what is left out is below this. A bot that is hurt on purpose warns all the time.
    """
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr), wrapper_class=structlog.make_filtering_bound_logger(least)
    )
