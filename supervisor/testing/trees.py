"""`open_tree`: a tree for a test, with its events kept and its leftovers looked for."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import anyio
from attrs import define, field

from supervisor.diagnostics import QUIET, Diagnostics
from supervisor.embedding import open_supervisor
from supervisor.events import Event
from supervisor.handle import Supervisor
from supervisor.spec import DynamicSupervisorSpec, SupervisorSpec
from supervisor.telemetry import Sink
from supervisor.testing.leakage import leaks
from supervisor.testing.seeding import note

__all__ = ["OpenTree", "open_tree"]

E = TypeVar("E", bound=Event)

EVENTS_KEPT = 100_000


@define(eq=False)
class OpenTree:
    """A tree that a test has open."""

    root: Supervisor
    events: deque[Event] = field(factory=lambda: deque(maxlen=EVENTS_KEPT))
    """What the tree reported, the oldest first; the last 100,000."""

    def of(self, kind: type[E], path: str | None = None) -> list[E]:
        """The events of a kind, of everybody or of one path."""
        return [event for event in self.events if isinstance(event, kind) and path in (None, event.path)]


@asynccontextmanager
async def open_tree(
    spec: SupervisorSpec | DynamicSupervisorSpec,
    *,
    sinks: Sequence[Sink] = (),
    deadline: float | None = None,
    diagnostics: Diagnostics = QUIET,
    limit: float | None = 1e6,
) -> AsyncIterator[OpenTree]:
    """Run a tree for as long as the block lasts, as `open_supervisor` does; keep its events; check that nothing is left.

    Args:
        spec: the root.
        sinks: who else gets the events. Nothing is logged.
        deadline: as for `open_supervisor`.
        diagnostics: as for `open_supervisor`.
        limit: seconds of the loop's clock that the block may take; in virtual time, a test that waits for ever gets there at
            once and fails. None: as long as it takes.

    Raises:
        BaseException: what `open_supervisor` raises.
        TimeoutError: the limit is over.
        Leaked: the tree, or the block, left something behind.

    Cancellation: entering and leaving stop the tree in order, shielded, before the cancellation goes on.
    """
    events: deque[Event] = deque(maxlen=EVENTS_KEPT)

    def keep(event: Event) -> None:
        events.append(event)
        note(f"{event.at:.6f} {type(event).__name__} {event.path}")

    with anyio.fail_after(limit):
        async with leaks(), open_supervisor(spec, sinks=[keep, *sinks], deadline=deadline, diagnostics=diagnostics) as root:
            yield OpenTree(root, events)
