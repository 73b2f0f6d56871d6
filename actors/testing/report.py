"""What a contract found."""

from __future__ import annotations

from attrs import frozen

__all__ = ["ContractReport", "Failure"]


@frozen(kw_only=True)
class Failure:
    """One promise that an adapter does not keep."""

    rule: str
    given: str
    expected: str
    advice: str
    """What to do about it."""

    def __str__(self) -> str:
        return f"{self.rule}: {self.given}\n    expected {self.expected}\n    {self.advice}"


@frozen(kw_only=True)
class ContractReport:
    """All that is wrong with one adapter."""

    venue: str
    rules: tuple[str, ...]
    """What was looked at."""
    failures: tuple[Failure, ...]

    @property
    def failed(self) -> tuple[str, ...]:
        """Rules that are broken, each once, in their order."""
        broken = {failure.rule for failure in self.failures}
        return tuple(rule for rule in self.rules if rule in broken)

    def check(self) -> None:
        """Do nothing if all is well.

        Raises:
            AssertionError: lists every failure.
        """
        if self.failures:
            count = len(self.failures)
            head = f"the adapter of {self.venue!r} breaks its contract in {count} {'point' if count == 1 else 'points'}"
            raise AssertionError("\n\n".join([f"{head}:", *map(str, self.failures)]))
