"""What a run came to: the figures, and the invariants that must hold."""

from __future__ import annotations

from statistics import median

from attrs import define, field, frozen

from actors.demo.plan import Fault, Phase

__all__ = ["ENOUGH", "PhaseResult", "Report"]

ENOUGH = 100
"""Comparisons per symbol that a phase must come to."""


@frozen
class PhaseResult:
    """How one phase went."""

    phase: Phase
    recovered_in: float | None
    """Seconds from the fault until every subscription delivered again; None: it did not, or there was nothing to recover."""
    compared: dict[str, int]
    """{symbol: comparisons in this phase}"""
    trouble: str = ""
    """What did not go as the plan says."""


@define(eq=False)
class Report:
    """A whole run."""

    results: list[PhaseResult] = field(factory=list)
    events: int = 0
    frames: int = 0
    compared: int = 0
    agreed: int = 0
    exact: int = 0
    disagreed: list[str] = field(factory=list)
    restarts: int = 0
    restarted: dict[str, int] = field(factory=dict)
    subscriptions: int = 0
    lost: list[str] = field(factory=list)
    gaps: int = 0
    gaps_repaired: int = 0
    resynchronised: int = 0
    dropped: int = 0
    violations: int = 0
    skipped: int = 0
    """Lines of the recording that could not be used."""
    first_skipped: str = ""
    unreadable: str = ""
    """Why the rest of the recording could not be played."""
    breaker: list[str] = field(factory=list)
    seconds: float = 0.0
    memory: tuple[float, float] = (0.0, 0.0)
    """MiB of the bot's process after warming up, and at the end."""

    @property
    def injected(self) -> int:
        return sum(result.phase.fault is not Fault.NOTHING for result in self.results)

    @property
    def recovered(self) -> int:
        return sum(result.phase.fault is not Fault.NOTHING and not result.trouble for result in self.results)

    def broken(self) -> list[str]:
        """The invariants that do not hold, in words; empty when all is well."""
        found = [f"{result.phase.title}: {result.trouble}" for result in self.results if result.trouble]
        found += [f"lost: {name} delivers no more" for name in self.lost]
        if self.agreed != self.compared:
            found.append(
                f"{self.compared - self.agreed} of {self.compared} quotes disagree with the book: {self.disagreed[:1]}"
            )
        for result in self.results:
            few = {symbol: count for symbol, count in result.compared.items() if count < ENOUGH}
            if few:
                found.append(f"{result.phase.title}: fewer than {ENOUGH} quotes were compared: {few}")
        if self.gaps_repaired < self.gaps:
            found.append(f"{self.gaps - self.gaps_repaired} of {self.gaps} gaps in books were not repaired")
        if self.dropped:
            found.append(f"{self.dropped} events were dropped on their way")
        if self.violations:
            found.append(f"the exchange closed {self.violations} connections for too many messages")
        if self.unreadable:
            found.append(self.unreadable)
        if any(result.phase.fault is Fault.REFUSE for result in self.results) and self.breaker[-1:] != ["closed"]:
            found.append(f"the breaker did not open and close again: {' → '.join(self.breaker) or 'it never moved'}")
        return found

    def lines(self) -> list[tuple[str, str]]:
        """The figures, each with its name."""
        times = sorted(result.recovered_in for result in self.results if result.recovered_in is not None)
        recovery = f"median {median(times):.2f} s, worst {times[-1]:.2f} s" if times else "nothing to recover"
        symbols = self.results[0].compared if self.results else {}
        least = {symbol: min(result.compared.get(symbol, 0) for result in self.results) for symbol in symbols}
        who = ", ".join(f"{name} {count}" for name, count in sorted(self.restarted.items()))
        return [
            ("frames from the exchange", f"{self.frames:,}"),
            ("events delivered", f"{self.events:,}"),
            ("faults injected, recovered", f"{self.injected}, {self.recovered}"),
            ("time to recover", recovery),
            ("restarts", f"{self.restarts}" + (f"  ({who})" if who else "")),
            ("subscriptions, lost", f"{self.subscriptions}, {len(self.lost)}"),
            ("gaps in books, repaired", f"{self.gaps}, {self.gaps_repaired}  ({self.resynchronised} snapshots in all)"),
            ("quotes compared with the book", f"{self.compared:,}  ({self.exact:,} at the very id)"),
            ("of these agree", f"{self.agreed:,}"),
            ("fewest compared in a phase", ", ".join(f"{symbol} {count}" for symbol, count in least.items())),
            ("breaker of the endpoint that refused", " → ".join(self.breaker) or "never moved"),
            ("events dropped", f"{self.dropped}"),
            *([("lines of the recording skipped", f"{self.skipped}, the first {self.first_skipped}")] if self.skipped else []),
            ("memory", f"{self.memory[0]:.0f} MiB after warming up, {self.memory[1]:.0f} MiB at the end"),
            ("time", f"{self.seconds:.0f} s"),
        ]
