"""Fleet: the streams that run, as children of a dynamic supervisor, made to match what each is to carry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from attrs import define, field

from actors.incidents import IncidentKind
from actors.market import Subscription
from actors.protocol import RECOVERY, STATES, LinkEnded, SetSubscriptions, StreamMessage, Trouble
from supervisor import (
    Actor,
    ActorSpec,
    Backoff,
    ChildNotFound,
    ChildRestarting,
    ChildRunning,
    Message,
    NoSuchActor,
    Phase,
    Ref,
    StartError,
    Supervisor,
)

__all__ = ["Fleet"]


class _Placed(Message, frozen=True):
    subscriptions: tuple[Subscription, ...]


@define(eq=False)
class Fleet:
    """The streams of one StreamManager.

    Args:
        actor: the manager, on whose behalf it remembers.
        supervisor: the dynamic supervisor of the streams.
        start: makes a stream's actor.
    """

    actor: Actor[Any]
    supervisor: Supervisor
    start: Callable[[tuple[Subscription, ...]], Actor[StreamMessage]]
    _told: dict[str, tuple[Subscription, ...]] = field(init=False, factory=dict)
    """{stream: what it was told last to carry}"""
    _placed: dict[str, tuple[Subscription, ...]] = field(init=False, factory=dict)
    """{stream: what is on it, given up or not}, as it is remembered"""

    def recalled(self) -> dict[str, tuple[Subscription, ...]]:
        """What was placed where, before a restart. Of streams that do not run, nothing: nothing of it could be moved."""
        running = {child.id for child in self.supervisor.which_children()}
        for name, placed in self.actor.recall_all(_Placed).items():
            if name in running:
                self._placed[name] = placed.subscriptions
            else:
                self.actor.forget(name)
        return self._placed

    def find(self, name: str) -> Ref[StreamMessage] | None:
        """The ref of a stream; None: there is none of that name."""
        try:
            return self.supervisor.child(name)
        except ChildNotFound:
            return None

    async def revive(self, name: str) -> bool:
        """Start a stream again that was parked; False: it does not live. Cancellation: atomic."""
        try:
            await self.supervisor.restart_child(name)
        except (ChildRunning, ChildRestarting):
            return True
        except (ChildNotFound, StartError):
            return False
        return True

    def report_parked(self) -> None:
        """Ask for the recovery of streams that crashed too often. Said as often as one likes; treated once."""
        for child in self.supervisor.which_children():
            if child.phase is Phase.GAVE_UP:
                trouble = Trouble(IncidentKind.STREAM, child.id, "it crashed too often, and is parked")
                with suppress(NoSuchActor):  # it starts last; and this is said again
                    self.actor.lookup(RECOVERY).tell(trouble)

    async def match(
        self, streams: Mapping[str, tuple[Subscription, ...]], kept: Callable[[Subscription], bool], why: str
    ) -> None:
        """Make the streams carry this, and nothing else.

        Args:
            streams: what is on which.
            kept: which of that is to be subscribed now.
            why: what others hear about what is not.

        Cancellation: may have happened; the next call goes on.
        """
        running = {child.id: child for child in self.supervisor.which_children()}
        for name, child in running.items():
            if name not in streams:
                await self._end(name, child.ref)
        for name, placed in streams.items():
            self._remember(name, placed)
            share = tuple(filter(kept, placed))
            if name not in running:
                if share:
                    await self.supervisor.start_child(self._spec(name, share))
                    # It may recall what an earlier process had it carry.
                    self._tell(name, self.supervisor.child(name), share, "")
            elif running[name].phase is Phase.GAVE_UP:
                continue
            elif self._told.get(name) != share:
                self._tell(name, running[name].ref, share, why if len(share) < len(placed) else "")
            elif not share:
                await self._end(name, running[name].ref)  # it has said why, and only holds a connection

    def _tell(self, name: str, stream: Ref[StreamMessage], share: tuple[Subscription, ...], why: str) -> None:
        if stream.tell(SetSubscriptions(share, why)):
            self._told[name] = share  # else it had no room: the next look tells it again

    async def _end(self, name: str, stream: Ref[StreamMessage]) -> None:
        """Stop a stream. Cancellation: may have happened."""
        with suppress(ChildNotFound):  # it has ended meanwhile
            await self.supervisor.terminate_child(stream)
        self._told.pop(name, None)
        self._remember(name, ())
        self.actor.lookup(STATES).tell(LinkEnded(name))

    def _remember(self, name: str, placed: tuple[Subscription, ...]) -> None:
        if self._placed.get(name, ()) == placed:
            return
        if placed:
            self._placed[name] = placed
            self.actor.remember(_Placed(placed), key=name)
        else:
            del self._placed[name]
            self.actor.forget(name)

    def _spec(self, name: str, share: tuple[Subscription, ...]) -> ActorSpec[StreamMessage]:
        return ActorSpec(name, partial(self.start, share), backoff=Backoff(initial=0.2, maximum=10.0))
