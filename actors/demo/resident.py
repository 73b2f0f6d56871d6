"""How much memory a process has, where the machine tells."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["resident"]


def resident(pid: int | None = None) -> float | None:
    """MiB of memory that a process has now; None: this machine does not say.

    Args:
        pid: which; None: this one.
    """
    try:
        pages = int(Path(f"/proc/{'self' if pid is None else pid}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
