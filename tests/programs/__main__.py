"""python -m tests.programs SEED [--backend trio|asyncio]: run one program and print it."""

from __future__ import annotations

import argparse
import sys

from supervisor.testing import BACKENDS
from tests.programs.generator import generate
from tests.programs.runner import run_program


def main() -> int:
    """Run what the command line names; 1 if something was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.programs", description="Run one random program.")
    parser.add_argument("seed", type=int)
    parser.add_argument("--backend", choices=BACKENDS, help="by default both")
    parser.add_argument("--times", type=int, default=1, help="how often")
    options = parser.parse_args()
    program, wrong = generate(options.seed), False
    sys.stdout.write(f"{program}\n")
    for backend in BACKENDS if options.backend is None else (options.backend,):
        for _ in range(options.times):
            problems = run_program(program, backend)
            wrong = wrong or bool(problems)
            sys.stdout.write("".join(f"{backend}: {problem}\n" for problem in problems) or f"{backend}: all is well\n")
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
