"""What is measured of the framework: each figure's unit, what it counts, its floor, and what it is to reach on which loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import field, frozen

__all__ = ["QUANTITIES", "Quantity", "Unit"]


@frozen
class Unit:
    """How a cost in seconds per unit of work, or a size, is told."""

    name: str
    of: Callable[[float], float]
    higher: bool = False
    """Whether more is better."""
    decimals: int = 2
    rate: bool = False
    """Whether it is so many per second."""


MILLIONS = Unit("million/s", lambda each: 1e-6 / each, higher=True, rate=True)
THOUSANDS = Unit("thousand/s", lambda each: 1e-3 / each, higher=True, decimals=1, rate=True)
MICROSECONDS = Unit("µs", lambda each: each * 1e6, decimals=1)
MILLISECONDS = Unit("ms", lambda each: each * 1e3)
SECONDS = Unit("s", lambda each: each)
BYTES = Unit("bytes", lambda each: each, decimals=0)
PERCENT = Unit("%", lambda each: each * 100)
TIMES = Unit("times", lambda each: each, decimals=3)
SHARE = Unit("times", lambda each: each, higher=True, decimals=3)


@frozen
class Quantity:
    """One figure."""

    unit: Unit
    counts: str
    """What its units of work are."""
    floor: str = ""
    """Which floor it is compared with; empty: none."""
    targets: Mapping[str, float] = field(factory=dict)
    """What it is to reach, by loop."""
    known: Mapping[str, float] = field(factory=dict)
    """What the floor was on the machine that the targets are of; with it, they are ratios, too."""

    def ratio(self, loop: str) -> float | None:
        """How many times the floor it may cost; None: nobody measured that."""
        if loop not in self.targets or loop not in self.known:
            return None
        target, known = self.targets[loop], self.known[loop]
        return known / target if self.unit.higher else target / known


def on(trio: float, asyncio: float, uvloop: float) -> Mapping[str, float]:
    """A target for each loop."""
    return {"trio": trio, "asyncio": asyncio, "uvloop": uvloop}


def everywhere(target: float) -> Mapping[str, float]:
    """The same on each."""
    return on(target, target, target)


CALL, AWAIT, SWITCH, SWITCHES = "deque and call", "deque and awaited handler", "task switch", "two task switches"
BY_HAND, SERVED, NURSERY = "two tasks and a deque, by hand", "100 tasks and a server, by hand", "bare nursery"
CRASHED, HEAP, LOOPED, ALONE = "supervised by hand in a nursery", "heap of deadlines", "the loop by hand", "nobody floods"
STRUCTS, LIBRARIES = "structs alone", "anyio, trio, attrs, msgspec and structlog"

NURSERIES = {"trio": 35.0, "asyncio": 52.0}

# The numbers are those of the project's issue 4: "As fast as CPython allows, and measured against those who are fast". Where it
# gives a range for a floor, 6 to 11 million calls per second, the middle is taken. For one task switch it gives a
# range, too, but half of its two task switches is taken: that is the slower floor, and so the stricter ratio.
QUANTITIES: Mapping[str, Quantity] = {
    "tell 1→1, bursts of 100": Quantity(MILLIONS, "messages", CALL, on(2.5, 3.0, 3.2), everywhere(8.5)),
    "tell 1→1, bursts of 100, async receive": Quantity(MILLIONS, "messages", AWAIT, on(1.2, 1.4, 1.5), everywhere(7.5)),
    "tell 1→1, a yield after each": Quantity(THOUSANDS, "messages", SWITCH, on(170, 230, 350), on(270, 428, 694)),
    "tell 10→1": Quantity(MILLIONS, "messages", CALL, on(2.0, 2.4, 2.6), everywhere(8.5)),
    "tell 1→1000, bursts of 100": Quantity(MILLIONS, "messages", CALL, on(2.0, 2.4, 2.6), everywhere(8.5)),
    "send, mailbox of 128": Quantity(MILLIONS, "messages", BY_HAND, on(0.9, 1.0, 1.1)),
    "anyio's channel of 128, to compare": Quantity(MILLIONS, "messages", BY_HAND),
    "ask in turn": Quantity(THOUSANDS, "asks", SWITCHES, on(115, 160, 230), on(135, 214, 347)),
    "ask in turn, with a timeout": Quantity(THOUSANDS, "asks", SWITCHES),
    "ask in turn, with against without": Quantity(SHARE, "asks", targets=everywhere(0.93)),
    "ask, 100 at once": Quantity(THOUSANDS, "asks", SERVED, on(260, 380, 480), on(433, 675, 997)),
    "ask, 100 at once, with a timeout": Quantity(THOUSANDS, "asks", SERVED),
    "ask, 100 at once, with against without": Quantity(SHARE, "asks", targets=everywhere(0.93)),
    "ring of 1000": Quantity(THOUSANDS, "hops", SWITCH),
    "start 5,000": Quantity(THOUSANDS, "actors", NURSERY, on(70, 60, 60), NURSERIES),
    "start 5,000, async on_start": Quantity(THOUSANDS, "actors", NURSERY, on(25, 55, 55), NURSERIES),
    "start 5,000, on_start that yields": Quantity(THOUSANDS, "actors", NURSERY),
    "stop 5,000": Quantity(THOUSANDS, "actors", f"{NURSERY}, end"),
    "start 100,000": Quantity(THOUSANDS, "actors", NURSERY, on(70, 60, 60), NURSERIES),
    "start 100,000, async on_start": Quantity(THOUSANDS, "actors", NURSERY, on(25, 55, 55), NURSERIES),
    "start 100,000, by run()": Quantity(THOUSANDS, "actors", NURSERY),
    "memory of an idle actor": Quantity(BYTES, "actors", f"{NURSERY}, idle", on(4200, 3400, 3400)),
    "memory of an idle actor that has worked": Quantity(BYTES, "actors", f"{NURSERY}, idle"),
    "stop 100,000 that have worked": Quantity(SECONDS, "actors", f"{NURSERY}, end"),
    "stop 100,000": Quantity(SECONDS, "actors", f"{NURSERY}, end", on(1.5, 1.2, 1.0)),
    "crash to next message, bare, p50": Quantity(MICROSECONDS, "crashes", f"{CRASHED}, p50", on(26, 17, 12), {"trio": 42}),
    "crash to next message, bare, p99": Quantity(MICROSECONDS, "crashes", f"{CRASHED}, p99"),
    "crash to next message, bare, worst": Quantity(MICROSECONDS, "crashes", f"{CRASHED}, worst"),
    "crash to next message, hooks and async, p50": Quantity(
        MICROSECONDS, "crashes", f"{CRASHED}, p50", on(42, 30, 22), {"trio": 42}
    ),
    "crash to next message, hooks and async, p99": Quantity(MICROSECONDS, "crashes", f"{CRASHED}, p99"),
    "crash to next message, hooks and async, worst": Quantity(MICROSECONDS, "crashes", f"{CRASHED}, worst"),
    "crash to next message, among 10,000, p50": Quantity(MICROSECONDS, "crashes", f"{CRASHED}, p50"),
    "crash to next message, among 10,000, p99": Quantity(MICROSECONDS, "crashes", f"{CRASHED}, p99"),
    "crash to next message, among 10,000, worst": Quantity(MICROSECONDS, "crashes", f"{CRASHED}, worst"),
    "crash among 10,000 against bare, p50": Quantity(TIMES, "crashes", targets=everywhere(1.2)),
    "snapshot of 10,000 children": Quantity(MILLISECONDS, "snapshots", STRUCTS),
    "publish to 1": Quantity(MILLIONS, "deliveries", CALL),
    "publish to 100": Quantity(MILLIONS, "deliveries", CALL),
    "publish to 1000": Quantity(MILLIONS, "deliveries", CALL),
    "set a timer, 100,000 pending": Quantity(MICROSECONDS, "timers", f"{HEAP}, set"),
    "cancel a timer, 100,000 pending": Quantity(MICROSECONDS, "timers", f"{HEAP}, cancel"),
    "set a timer and let it fire, 100,000 pending": Quantity(MICROSECONDS, "timers", f"{HEAP}, fire"),
    "20 µs of work, receive": Quantity(MICROSECONDS, "messages", LOOPED),
    "20 µs of work, receive, overhead": Quantity(PERCENT, "messages", targets=everywhere(5)),
    "20 µs of work, async receive": Quantity(MICROSECONDS, "messages", LOOPED),
    "20 µs of work, async receive, overhead": Quantity(PERCENT, "messages", targets=everywhere(5)),
    "polite beside flooded, latency p99": Quantity(MILLISECONDS, "messages", f"{ALONE}, latency", everywhere(10)),
    "polite beside flooded, timer lateness p99": Quantity(MILLISECONDS, "timers", f"{ALONE}, lateness", everywhere(10)),
    "import supervisor": Quantity(MILLISECONDS, "import in a new process", LIBRARIES),
}
"""By the name of the figure."""
