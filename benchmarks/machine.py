"""Where figures were taken: interpreter, libraries, system, processor."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["LIBRARIES", "machine", "processor", "versions"]

LIBRARIES = ("anyio", "trio", "uvloop", "websockets", "msgspec", "attrs", "structlog")
CPUINFO = Path("/proc/cpuinfo")
NAMED_BY = ("model name", "Model", "cpu model", "Hardware")
"""The fields of it that hold the name: which one it is depends on the architecture."""
LONGEST = 80
"""Characters of a name that are told."""


def versions() -> dict[str, str]:
    """Of the libraries that matter, as far as they are installed."""
    found = {}
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def processor() -> str:
    """Its name, as the system tells it; where it tells none, that it is unknown."""
    try:
        lines = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    fields = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    named = [value for wanted in NAMED_BY for name, value in fields if name == wanted and value]
    # Of one line, without bars: it stands in a table of Markdown.
    name = " ".join((named[0] if named else platform.processor()).replace("|", " ").split())
    return name[:LONGEST] or "unknown processor"


def machine() -> str:
    """All of it, in one line."""
    libraries = ", ".join(f"{name} {number}" for name, number in versions().items())
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{python}, {libraries}, {platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, {processor()}"
