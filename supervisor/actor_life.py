"""A life of an actor: `on_start`, messages, `on_stop`, and what becomes of the message in hand when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

from supervisor.accepts import accepted_types
from supervisor.actor import Actor
from supervisor.child import Life, LifeListener, ignores
from supervisor.context import Context
from supervisor.errors import ActorCrashed, Hung, MailboxFull
from supervisor.events import HandlerResumed
from supervisor.exits import ExitReason, Failed, Ignore, Normal, Shutdown, Stop, classify, error_of
from supervisor.loop import handle_messages
from supervisor.mailbox import PendingReply, message_of
from supervisor.parking import give_way
from supervisor.place import Place
from supervisor.policies import OnError, policy_for
from supervisor.spawned import read_exit
from supervisor.spec import ActorSpec
from supervisor.store import Store

if TYPE_CHECKING:
    from supervisor.handle import Supervisor

__all__ = ["ActorLife"]


class ActorLife(Life):
    """A life of an actor.

    Args:
        supervisor: the handle that the actor gets as `context.supervisor`.
        store: where its state is kept.
    """

    _spec: ActorSpec[Any]

    def __init__(
        self,
        key: str,
        spec: ActorSpec[Any],
        place: Place,
        incarnation: int,
        listener: LifeListener,
        supervisor: Supervisor,
        store: Store,
    ) -> None:
        super().__init__(key, spec, place, incarnation, listener)
        self._context = Context(place, incarnation, supervisor, store, self._spawned_failed)
        self._handling_since: float | None = None
        self._initialised = False
        self._innocent = False
        """Others ended it, through a link or with a flood: what it remembers has nothing to do with that."""
        self.actor: Actor[Any] | None = None
        """Once it is made; for tests and debugging."""

    async def _live(self) -> ExitReason:
        """Start, handle messages, tidy up. Cancellation: the kill cuts it."""
        actor: Actor[Any] | None = None
        finished = False
        try:
            with self._soft_scope:
                self._context.shelf.begin()
                actor = self._make()
                if type(actor).on_start is not Actor.on_start:
                    self._limit_start(self._spec.start_timeout)
                    await actor.on_start()
                self._initialised = True
                self._context.renew_topics()
                self._ready()
                await self._handle(actor)
            reason = self._crash_reason or self._stop_reason or Shutdown()
        except BaseException as error:  # read, then on_stop; a kill goes on to its scope
            if self._killed_by(error):
                self._note_last(actor)
                raise
            reason = self._read(error)
            if ignores(reason):
                if not self._started:
                    return reason
                reason = Normal()
            # By what the handler said itself: also while it is killed, it is handled if that was Stop, and not if it failed.
            said = read_exit(error, self.place.path)
            finished = ignores(said) or not isinstance(said, Failed)
        if isinstance(reason, Failed):
            self._note_last(actor)
        self._settle_in_hand(reason, finished=finished)
        if isinstance(reason, Failed) and self._crash_reason is None:
            self._crash_reason = reason
        if self._initialised and actor is not None and self._kill_reason is None:
            reason = await self._tidy_up(actor, reason)
        return reason

    async def _handle(self, actor: Actor[Any]) -> None:
        """Handle messages, and go on after an error from which the spec says to resume. Cancellation: a kill cuts it."""
        self.place.rouse = self._context.reader.unpark
        watch = None if self._spec.watchdog is None else self._note_handling
        while True:
            try:
                return await handle_messages(self._context, actor.receive, watch)
            except Exception as error:
                reason = classify(error)
                ending = _says_stop(error) or self._crash_reason is not None or self._kill_reason is not None
                if ending or policy_for(self._spec.on_error, reason) is not OnError.RESUME:
                    raise
                self._resume(reason)
            await give_way()  # a flood of messages that all fail must not starve the others

    def _resume(self, reason: ExitReason) -> None:
        message = type(message_of(self._context.in_hand)).__name__
        at, path = self.runtime.now(), self.place.path
        self.runtime.emit(
            HandlerResumed(
                path=path,
                at=at,
                incarnation=self.incarnation,
                message=message,
                reason=str(reason),
                cause=error_of(reason),
            )
        )
        self._settle_in_hand(reason, resumed=True)

    def _make(self) -> Actor[Any]:
        actor = self._spec.start()
        if not isinstance(actor, Actor):
            raise TypeError(f"ActorSpec({self._spec.id!r}).start returned {actor!r}; expected an Actor")
        if hasattr(actor, "_context"):
            raise TypeError(
                f"ActorSpec({self._spec.id!r}).start returned an actor that has lived before; make a fresh one each time: "
                f"ActorSpec({self._spec.id!r}, {type(actor).__name__}) or functools.partial({type(actor).__name__}, ...), "
                "not lambda: one"
            )
        actor._context = self._context
        self.actor = actor
        self.place.learn(accepted_types(type(actor)))
        return actor

    async def _tidy_up(self, actor: Actor[Any], reason: ExitReason) -> ExitReason:
        """Run `on_stop`, within what is left of the grace. Cancellation: the kill cuts it."""
        self._context.cancel_background()
        if self._stop_reason is None:
            self._start_grace(self._own_grace())
            self._stop_reason = reason
        if type(actor).on_stop is Actor.on_stop:
            return reason
        try:
            await actor.on_stop(reason)
        except BaseException as error:  # becomes the reason; a kill goes on to its scope
            self._report_hook("cut by the kill" if self._killed_by(error) else repr(error))
            if self._killed_by(error):
                raise
            verdict = self._read(error)
            return reason if ignores(verdict) else verdict
        return reason

    def _note_last(self, actor: Actor[Any] | None) -> None:
        """Keep what the report of a crash will say."""
        item = self._context.in_hand
        self.last_message: str | None = None if item is None else self.runtime.describe(message_of(item))
        self.last_state: str | None = None if actor is None else self.runtime.describe(actor)

    def _killed_by(self, error: BaseException) -> bool:
        return self._kill_reason is not None and isinstance(error, anyio.get_cancelled_exc_class())

    def _settle_in_hand(self, reason: ExitReason, *, finished: bool = False, resumed: bool = False) -> None:
        """The message in hand is never handled again: whoever asked is told; if it was cut or failed, it is a dead letter."""
        item, self._context.in_hand = self._context.in_hand, None
        self._cancel_timer("watchdog")
        if item is None:
            return
        if type(item) is PendingReply:
            item.fail(ActorCrashed(self.place.path, reason, resumed=resumed))
        if not finished:
            self.runtime.dead_letter(self.place.path, message_of(item), f"its handler ended with {reason}")

    def drain(self) -> None:
        """End it when it has handled what is queued. The place takes no more."""
        if self._overdue and not self._over:
            self._report_unstopped()  # it was killed before and did not end: whoever asks now is told at once
        self._context.draining = True
        self._context.reader.unpark()

    def linked_ended(self, place: Place, reason: ExitReason) -> None:
        """A life that it is linked with is over: told, if it traps exits; else it ends in the same way."""
        if self._context.traps_exits:
            self._context.linked_ended(place, reason)
        else:
            self._innocent = True
            super().linked_ended(place, reason)

    def _soft_stop(self) -> None:
        self._context.cancel_background()
        if self._started:
            self._context.reader.unpark()
        else:
            self._soft_scope.cancel()

    def _cancel_background(self) -> None:
        self._context.cancel_background()

    async def _background_ended(self) -> None:
        """Return when no spawned task is left. Cancellation: shielded."""
        if self._context.spawned:
            with anyio.CancelScope(shield=True):
                await self._context.spawned.ended()

    def _stacks(self) -> list[str]:
        return [*super()._stacks(), *self._context.spawned.stacks()]

    def _release(self, reason: ExitReason) -> None:
        self._settle_in_hand(reason)
        self._context.release(reason)
        self._context.shelf.end(Shutdown() if self._innocent else reason)

    def crash(self, error: BaseException) -> None:
        self._innocent = self._innocent or isinstance(error, MailboxFull)
        super().crash(error)

    def _spawned_failed(self, reason: ExitReason) -> None:
        if (self._stop_reason is not None or self._crash_reason is not None) and isinstance(reason, Failed):
            self._report_hook(repr(reason.error), "a background task")
        self._interrupt(reason)

    def _interrupt(self, reason: ExitReason) -> None:
        super()._interrupt(reason)
        self._context.stopping = True  # a handler that never waits would otherwise go on to the next message

    # ---- watchdog: one pending timer per life, set forward when it fires early

    def _note_handling(self) -> None:
        self._handling_since = self.runtime.now()
        limit = self._spec.watchdog
        if limit is not None and "watchdog" not in self._timers:
            self._set_timer("watchdog", limit, self._check_handling)

    def _check_handling(self) -> None:
        self._timers.pop("watchdog", None)
        limit, since = self._spec.watchdog, self._handling_since
        if limit is None or since is None or self._context.in_hand is None:
            return
        left = since + limit - self.runtime.now()
        if left > 1e-9:  # clocks round: a timer set again for what is left of a rounding error would be due at once
            self._set_timer("watchdog", left, self._check_handling)
        else:
            self.kill(Failed(Hung(self.place.path, type(message_of(self._context.in_hand)).__name__, limit)))


def _says_stop(error: BaseException) -> bool:
    """Whether a handler said that the life is to end: `Stop`, however it is wrapped, is no error to resume from."""
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup((Stop, Ignore)) is not None
    return isinstance(error, Stop | Ignore)
