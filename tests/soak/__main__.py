"""`python -m tests.soak`: the whole of it, and what it came to."""

from __future__ import annotations

import argparse
import logging
import platform
import sys
from pathlib import Path
from statistics import median

import anyio
import msgspec
import structlog

from tests.soak.run import SoakConfig, soak
from tests.soak.verdict import Counts, drift, most_attempts, verdict


def main() -> int:
    """Run it; the exit code is 1 when something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--connections", type=int, default=200, help="one stream of five subscriptions each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backend", choices=("trio", "asyncio"), default="trio")
    parser.add_argument("--speed", type=float, default=0.1, help="market seconds per second")
    parser.add_argument("--merge", action="store_true", help="let the bot merge connections after a ban: fewer are left")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    args = parser.parse_args()
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
    )
    config = SoakConfig(
        connections=args.connections,
        seconds=60.0 * args.minutes,
        seed=args.seed,
        backend=args.backend,
        speed=args.speed,
        merge=args.merge,
    )
    counts = anyio.run(soak, config, _say, backend=args.backend)
    if args.json is not None:
        args.json.write_bytes(msgspec.json.format(msgspec.json.encode(counts)) + b"\n")
    _report(counts, args.backend)
    wrong = verdict(counts)
    for sentence in wrong:
        _say(f"WRONG: {sentence}")
    for example in counts.examples[:10]:
        _say(f"  {example}")
    if not wrong:
        _say("nothing is wrong")
    return 1 if wrong else 0


def _say(line: str) -> None:
    print(line, flush=True)


def _report(counts: Counts, backend: str) -> None:
    outages, samples = counts.outages, counts.samples
    lines = [
        f"{counts.connections} connections, {counts.subscriptions} subscriptions, {counts.seconds / 60:.1f} minutes on {backend}, "
        f"Python {platform.python_version()}",
        f"{sum(counts.faults.values())} faults: {', '.join(f'{kind} {count}' for kind, count in sorted(counts.faults.items()))}",
        f"{counts.events:,} events delivered, {counts.comparable:,} of them numbered: {counts.missing} missing without a word, "
        f"{counts.duplicates} twice, {counts.lost} lost in {counts.gaps} gaps, {counts.fills} holes filled",
        f"{counts.rejections} rejections, {counts.polled} changes of source, {counts.stale} stale values, fallbacks {counts.fallbacks}",
        f"restarts {counts.restarts} {counts.restarted or ''}, given up {len(counts.gave_up)}, mailbox overflows {counts.overflows}",
        f"{counts.open_at_end} connections at the end; everything back after "
        + (f"{counts.back_within:.1f} s" if counts.back_within is not None else "never"),
        f"attempts: at most {most_attempts(samples, counts.attempts_window)} of {counts.attempts_limit} within "
        f"{counts.attempts_window:g} s, {counts.attempts_refused} refused; {counts.violations} violations, "
        f"{counts.slow_consumers} slow consumers",
    ]
    if outages:
        nearly_all = outages[int(0.99 * (len(outages) - 1))]
        lines.append(f"{len(outages)} interruptions: median {median(outages):.2f} s, 99 % within {nearly_all:.1f} s, longest {outages[-1]:.1f} s")
    if samples:
        lines.append(
            f"memory {samples[0].rss:.0f} MiB at first, {samples[-1].rss:.0f} at last, {drift(samples, lambda s: s.rss):+.1%} from the "
            f"middle third to the last; objects {drift(samples, lambda s: s.objects):+.1%}, tasks {drift(samples, lambda s: s.tasks):+.1%}, "
            f"sockets {drift(samples, lambda s: s.sockets):+.1%}"
        )
    for line in lines:
        _say(line)


if __name__ == "__main__":
    sys.exit(main())
