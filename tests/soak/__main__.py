"""`python -m tests.soak`: the whole of it, and what it came to."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

import anyio
import msgspec
import structlog

from tests.soak.report import lines
from tests.soak.run import SoakConfig, soak
from tests.soak.verdict import verdict


def main() -> int:
    """Run it; the exit code is 1 when something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--connections", type=int, default=200, help="one stream of five subscriptions each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backend", choices=("trio", "asyncio"), default="trio")
    parser.add_argument("--speed", type=float, default=0.05, help="market seconds per second")
    parser.add_argument("--thins", action="store_true", help="let the bot merge connections and give up subscriptions")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    args = parser.parse_args()
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
    )
    config = SoakConfig(
        connections=args.connections, seconds=60.0 * args.minutes, seed=args.seed, speed=args.speed, thins=args.thins
    )
    counts = anyio.run(soak, config, _say, backend=args.backend)
    if args.json is not None:
        args.json.write_bytes(msgspec.json.format(msgspec.json.encode(counts)) + b"\n")
    wrong = verdict(counts)
    for line in lines(counts, args.backend, wrong):
        _say(line)
    return 1 if wrong else 0


def _say(line: str) -> None:
    print(line, flush=True)  # whoever watches a file or a pipe sees it now


if __name__ == "__main__":
    sys.exit(main())
