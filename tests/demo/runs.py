"""A run in which everything went well, for tests that break one thing of it."""

from __future__ import annotations

from actors.demo.plan import Fault, make_plan
from actors.demo.report import ENOUGH, PhaseResult, Report

SYMBOLS = ("BTC/USDT", "ETH/USDT")


def good_run() -> Report:
    results = [
        PhaseResult(phase, None if phase.fault is Fault.NOTHING else 0.5, dict.fromkeys(SYMBOLS, ENOUGH))
        for phase in make_plan(SYMBOLS, 0)
    ]
    return Report(
        results=results,
        events=9000,
        frames=10_000,
        compared=1600,
        agreed=1600,
        exact=1500,
        restarts=2,
        restarted={"BTCUSDT": 1, "stream manager": 1},
        subscriptions=6,
        gaps=4,
        gaps_repaired=4,
        resynchronised=9,
        breaker=["open", "half_open", "closed"],
        seconds=40.0,
        memory=(60.0, 61.0),
    )
