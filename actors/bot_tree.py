"""The tree of one bot process, as a spec."""

from __future__ import annotations

from collections.abc import Iterable

from supervisor import ChildSpec, Intensity, SpecError, SupervisorSpec

__all__ = ["bot_tree"]


def bot_tree(
    *exchanges: SupervisorSpec, beside: Iterable[ChildSpec] = (), intensity: Intensity | None = None
) -> SupervisorSpec:
    """One bot: its exchanges, and what it does with them.

    Args:
        exchanges: from `exchange_tree`; each stands alone, and one that fails is restarted alone.
        beside: the bot's own actors, started after the exchanges.
        intensity: how often an exchange or an actor may restart before the bot ends; None: 5 times in 10 s.

    Raises:
        SpecError: an argument of the wrong kind, or an id twice.
    """
    _check(exchanges, beside, intensity)
    return SupervisorSpec("bot", [*exchanges, *beside], intensity=intensity or Intensity())


def _check(exchanges: Iterable[object], beside: object, intensity: object) -> None:
    for exchange in exchanges:
        if not isinstance(exchange, SupervisorSpec):
            expected = "what exchange_tree(...) returns, one after the other; other specs go to beside=[...]"
            raise SpecError("bot_tree.exchanges", exchange, expected)
    if isinstance(beside, str | ChildSpec) or not isinstance(beside, Iterable):
        raise SpecError("bot_tree.beside", beside, 'a list of specs, such as [ActorSpec("strategy", Strategy)]')
    if intensity is not None and not isinstance(intensity, Intensity):
        raise SpecError("bot_tree.intensity", intensity, "an Intensity, such as Intensity(5, 10.0), or None")
