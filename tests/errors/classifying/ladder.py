"""Rules from the most specific to the least, and an error that all of them fit."""

from __future__ import annotations

from typing import Any

from actors.errors import Action, Category, ExchangeRefused, Rule


class Base(Exception):
    def __init__(self, text: str = "", *, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


REFUSED = ExchangeRefused(400, "E1", "No margin left", venue="acme")


def rule(name: str, **what: Any) -> Rule:
    return Rule(name, Category.STRATEGY, Action.NEVER, **what)


LADDER = [
    rule("venue, code, text", venue="acme", code="E1", text="margin"),
    rule("venue, code", venue="acme", code="E1"),
    rule("type, code", kind="actors.ExchangeRefused", code="E1"),
    rule("status, text", status=400, text="margin"),
    rule("type, text", kind="actors.ExchangeRefused", text="margin"),
    rule("type, status", kind=ExchangeRefused, status=400),
    rule("status", status=400),
    rule("exact type", kind=ExchangeRefused),
    rule("base type", kind="actors.errors.BrokerError"),
    rule("farther base", kind=Exception),
    rule("class of statuses", status=range(400, 500)),
    rule("text", text="margin"),
]
