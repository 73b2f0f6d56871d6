"""`import supervisor` in a fresh process, against what it imports."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.feeder import ROOT
from benchmarks.framework.quantities import LIBRARIES
from benchmarks.framework.trials import Readings, figure_of
from benchmarks.rounds import CaseFailed, Figure, Measured, Options, alternate

__all__ = ["imported"]

PROGRAM = """
import sys, time
began = time.process_time()
import {modules}
took = time.process_time() - began
print(took, len(sys.modules))
"""


def imports(modules: str) -> Measured:
    """CPU time that importing takes in a new interpreter.

    Raises:
        CaseFailed: it cannot be imported.
    """
    command = [sys.executable, "-c", PROGRAM.format(modules=modules)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        raise CaseFailed(f"import: {modules}: {done.stderr.strip().splitlines()[-1]}")
    return Measured(1, float(done.stdout.split()[0]))


def imported(options: Options) -> list[Figure]:
    """Measure importing.

    Raises:
        CaseFailed: something cannot be imported.
    """

    def floor() -> Readings:
        return {LIBRARIES: imports("anyio, trio, attrs, msgspec, structlog")}

    def case() -> Readings:
        return {"import supervisor": imports("supervisor")}

    results = alternate({"import": (floor, case)}, options.rounds, options.progress, options.warming)
    return [figure_of("import supervisor", "", results["import"])]
