"""One promise of an adapter, and how a breach of it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from attrs import frozen

from actors.ports import Exchange
from actors.testing.recording import Recording
from actors.testing.report import Failure

__all__ = ["Finding", "Promise", "Rule", "rules_of"]


@frozen
class Finding:
    """What is wrong, as a rule tells it."""

    given: str
    expected: str
    advice: str


Promise = Callable[[Exchange, Recording], Iterator[Finding]]
"""Looks at one thing. Its name is the rule's, its docstring says what is promised."""


@frozen
class Rule:
    """One promise. `str(rule)` is its name, as an id for a parametrised test."""

    promise: Promise

    @property
    def name(self) -> str:
        return self.promise.__name__

    @property
    def about(self) -> str:
        """What is promised, in one sentence."""
        return (self.promise.__doc__ or "").partition("\n")[0]

    def __str__(self) -> str:
        return self.name

    def failures(self, adapter: Exchange, recording: Recording) -> tuple[Failure, ...]:
        """Where this adapter breaks it."""
        found: list[Finding] = []
        try:
            found.extend(self.promise(adapter, recording))
        except Exception as error:  # noqa: BLE001 - whatever the adapter raises is a finding
            given = f"{type(error).__name__}: {error}"
            advice = f"It was raised in {_place(error)}; it ended the look at: {self.about}"
            found.append(Finding(given, "no exception", advice))
        return tuple(Failure(rule=self.name, given=one.given, expected=one.expected, advice=one.advice) for one in found)

    def check(self, adapter: Exchange, recording: Recording) -> None:
        """Do nothing if it is kept.

        Raises:
            AssertionError: lists every failure.
        """
        failures = self.failures(adapter, recording)
        if failures:
            raise AssertionError("\n\n".join(map(str, failures)))


def rules_of(*promises: Promise) -> tuple[Rule, ...]:
    return tuple(Rule(promise) for promise in promises)


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "an unknown place" if trace is None else f"{trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno}"
