"""The contract of `ports.Exchange` and `ports.Session`, for any adapter: all promises, each looked at by itself."""

from __future__ import annotations

from actors.ports import Exchange
from actors.testing.answering import ANSWERING
from actors.testing.booking import BOOKING
from actors.testing.delivering import DELIVERING
from actors.testing.recording import Recording
from actors.testing.report import ContractReport, Failure
from actors.testing.rule import Rule
from actors.testing.standing import STANDING
from actors.testing.talking import TALKING

__all__ = ["contract_rules", "exchange_contract"]

MOST_SHOWN = 5
"""Failures per rule. A wrong key breaks every frame in the same way."""


def contract_rules() -> tuple[Rule, ...]:
    """All rules, for a test of each: `@pytest.mark.parametrize("rule", contract_rules(), ids=str)`."""
    return (*STANDING, *TALKING, *DELIVERING, *BOOKING, *ANSWERING)


def exchange_contract(adapter: Exchange, recording: Recording) -> ContractReport:
    """Check an adapter against all rules. Nothing is connected and nothing waits.

    Args:
        adapter: as it is given to `exchange_tree`.
        recording: what the exchange says; see `recording` and `load_recording`.
    """
    rules = contract_rules()
    failures: list[Failure] = []
    for rule in rules:
        failures += rule.failures(adapter, recording)[:MOST_SHOWN]
    return ContractReport(
        venue=str(getattr(adapter, "venue", "?")), rules=tuple(rule.name for rule in rules), failures=tuple(failures)
    )
