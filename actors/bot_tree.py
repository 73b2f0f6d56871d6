"""The tree of one bot process, as a spec."""

from __future__ import annotations

from collections.abc import Iterable

from supervisor import ChildSpec, Intensity, SupervisorSpec

__all__ = ["bot_tree"]


def bot_tree(
    *exchanges: SupervisorSpec, beside: Iterable[ChildSpec] = (), intensity: Intensity | None = None
) -> SupervisorSpec:
    """One bot: its exchanges, and what it does with them.

    Args:
        exchanges: from `exchange_tree`; each stands alone, and one that fails is restarted alone.
        beside: the bot's own actors, started after the exchanges.
        intensity: how often an exchange or an actor may restart before the bot ends; None: 5 times in 10 s.
    """
    return SupervisorSpec("bot", [*exchanges, *beside], intensity=intensity or Intensity())
