"""A life of an actor: `on_start`, messages, `on_stop`, and what becomes of the message in hand when it ends."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextvars import Context as ContextVariables
from typing import TYPE_CHECKING, Any

import anyio

from supervisor.accepts import accepted_types
from supervisor.actor import Actor
from supervisor.child import BEGINNINGS, Life, LifeListener, ignores
from supervisor.context import Context
from supervisor.errors import ActorCrashed, Hung, MailboxFull
from supervisor.events import HandlerResumed
from supervisor.exits import ExitReason, Failed, Ignore, Killed, Normal, Shutdown, Stop, classify, error_of
from supervisor.loop import Guard, handle_messages
from supervisor.mailbox import PendingReply, message_of
from supervisor.parking import give_way, uninterrupted
from supervisor.place import Place
from supervisor.policies import OnError, policy_for
from supervisor.spawned import read_exit
from supervisor.spec import ActorSpec, Kill
from supervisor.store import Store

if TYPE_CHECKING:
    from supervisor.handle import Supervisor

__all__ = ["ActorLife"]


_SHUTDOWN = Shutdown()


class _CutError(BaseException):
    """A handler's own scope was cancelled: the message in hand was cut."""


class ActorLife(Life):
    """A life of an actor.

    Until it has something to handle or to wait for it has no task: it is made, it is ready, and it costs little to start, to
    keep and to stop. What finds it so wakes it: a message, a failure that it is linked with, a stop that its
    `on_stop` is to hear of.

    Args:
        supervisor: the handle that the actor gets as `context.supervisor`.
        store: where its state is kept.
    """

    __slots__ = ("_context", "_dormant", "_handling_since", "_initialised", "_innocent", "_variables", "actor")
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
        self._context = Context(place, incarnation, supervisor, store, self)
        self._variables: ContextVariables | None = None
        """The context variables that it lives with, if the actor set some when it was made."""
        self._handling_since: float | None = None
        self._dormant = False
        """It is ready, and has no task yet."""
        self._initialised = False
        self._innocent = False
        """Others ended it, through a link or with a flood: what it remembers has nothing to do with that."""
        self.actor: Actor[Any] | None = None
        """Once it is made; for tests and debugging."""

    @uninterrupted
    def begin(self) -> None:
        """Begin to live: make the actor, and start its task if it has something to do."""
        self.began_at: float = self.runtime.now()
        self.place.life = self
        if self._listener.crowded:
            self._run()
            return
        variables = self.runtime.variables()
        try:
            actor = variables.run(self._make)
        except BaseException as error:  # noqa: BLE001  # as in a task: it is this life's failure, not that of whoever starts it
            self._end(self._read(error))
            return
        if not self.runtime.same_variables(variables):
            self._variables = variables
        if type(actor).on_start is not Actor.on_start or self.ending:
            self._run()
            return
        self._initialised = self._dormant = True
        self.place.room, self.place.rouse = 0, None
        self._context.renew_topics()
        self._ready()
        if self.place.items:  # of an earlier life, or told while it was made
            self.wake()

    def wake(self) -> None:
        """There is something to do: have it done in a task."""
        if self._dormant:
            self._dormant = False
            self._run()

    def _run(self) -> None:
        self._task = self.runtime.spawn(self._main, name=self.place.path, variables=self._variables)
        self._variables = None

    async def _live(self) -> ExitReason:
        """Start, handle messages, tidy up. Cancellation: the kill cuts it."""
        actor = self.actor
        finished = False
        try:
            if actor is None:
                actor = self._make()
            if actor._receive_is_async:  # it is sure to wait for more than messages: one scope serves for its whole life
                with self._handling_scope():
                    if not self._initialised:
                        await self._start(actor)
                    await self._handling(actor, None)
            else:
                if not self._initialised:
                    with self._handling_scope():
                        await self._start(actor)
                    self._scope = None
                if self._started or not self.ending:
                    await self._handling(actor, self._within_scope)
            reason = self._why_it_ends()
        except _CutError:
            reason = self._why_it_ends()
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
            said = reason if self._kill_reason is None else read_exit(error, self.place.path)
            finished = ignores(said) or not isinstance(said, Failed)
        if isinstance(reason, Failed) or self._kill_reason is not None:
            self._note_last(actor)
        self._settle_in_hand(reason, finished=finished)
        if isinstance(reason, Failed) and self._crash_reason is None:
            self._crash_reason = reason
        if self._initialised and actor is not None and self._kill_reason is None:
            reason = await self._tidy_up(actor, reason)
        return reason

    def _why_it_ends(self) -> ExitReason:
        return self._kill_reason or self._crash_reason or self._stop_reason or Shutdown()

    async def _within_scope(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """What a handler that is no `async def` returned to be awaited, where there is no scope yet.

        Raises:
            _CutError: it was cut.

        Cancellation: a kill cuts it.
        """
        with self._handling_scope():
            return await coroutine
        raise _CutError

    def _handling_scope(self) -> anyio.CancelScope:
        """A scope for `on_start` and the handlers. Cut already, if the life has failed from beside: by its own tell, say."""
        scope = self._cuttable()
        if self._crash_reason is not None:
            scope.cancel()
        return scope

    async def _start(self, actor: Actor[Any]) -> None:
        """Run `on_start`. Cancellation: a stop cuts it."""
        if type(actor).on_start is not Actor.on_start:
            self._limit_start(self._spec.start_timeout)
            await actor.on_start()
        self._initialised = True
        self._context.renew_topics()
        self._ready()

    def _handling(self, actor: Actor[Any], guard: Guard | None) -> Coroutine[Any, Any, None]:
        """Handle messages: to be awaited. No `async def`: that would be one more frame in each idle actor."""
        watch = None if self._spec.watchdog is None else self._note_handling
        if self._spec.on_error:
            return self._resuming(actor, watch, guard)
        return handle_messages(self._context, actor.receive, watch, guard)

    async def _resuming(self, actor: Actor[Any], watch: Callable[[], None] | None, guard: Guard | None) -> None:
        """Handle messages, and go on after an error from which the spec says to resume. Cancellation: a kill cuts it."""
        while True:
            try:
                return await handle_messages(self._context, actor.receive, watch, guard)
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
        self._context.begin(self.began_at)
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
        tidies = type(actor).on_stop is not Actor.on_stop
        if self._stop_reason is None:
            if tidies or self._has_background():
                self._start_grace(self._own_grace())
            self._stop_reason = reason
        if not tidies:
            return reason
        try:
            with self._cuttable() as scope:
                await actor.on_stop(reason)
        except BaseException as error:  # becomes the reason; a kill goes on to its scope
            self._report_hook("cut by the kill" if self._killed_by(error) else repr(error))
            if self._killed_by(error):
                raise
            verdict = self._read(error)
            return reason if ignores(verdict) else verdict
        if scope.cancelled_caught:
            self._report_hook("cut by the kill")
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
        if self._timers:
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
        self.place.wake()

    def linked_ended(self, place: Place, reason: ExitReason) -> None:
        """A life that it is linked with is over: told, if it traps exits; else it ends in the same way."""
        if self._context.traps_exits:
            self._context.linked_ended(place, reason)
        else:
            self._innocent = True
            super().linked_ended(place, reason)

    def request_stop(self, reason: ExitReason) -> None:
        """Ask it to end, with its grace. Asking again changes nothing."""
        silent = self.actor is not None and type(self.actor).on_stop is Actor.on_stop
        if silent and not self.ending and not isinstance(self._spec.shutdown, Kill) and self._at_rest():
            self._stop_reason = reason
            self._end_at_rest(reason)
        else:
            super().request_stop(reason)

    def kill(self, reason: ExitReason | None = None) -> None:
        """End it now."""
        if self._kill_reason is None and self._at_rest():
            self._kill_reason = reason or self._crash_reason or Killed()
            self._end_at_rest(None)
        else:
            super().kill(reason)

    def _at_rest(self) -> bool:
        """Whether nothing of it runs or waits, but for a message, so that it can end without a turn of the loop."""
        if self._over or self._listener.crowded:
            return False
        return self._dormant or (self._context.rests and not self._context.has_spawned)

    def _end_at_rest(self, reason: ExitReason | None) -> None:
        """End it here and now. Its task, if it has one, sleeps in the loop; woken, it has nothing left to do."""
        self._dormant = False
        self._context.stop()
        wake = self.place.rouse
        self._end(reason)
        if wake is not None:
            wake()

    def _soft_stop(self) -> None:
        self._context.cancel_background()
        if self._started:
            self.place.wake()
        else:
            self._cut()

    def _cut(self) -> None:
        super()._cut()
        self.place.wake()  # where it waits for messages alone, there may be no scope

    def _cancel_background(self) -> None:
        self._context.cancel_background()

    def _has_background(self) -> bool:
        return self._context.has_spawned

    async def _background_ended(self) -> None:
        """Return when no spawned task is left. Cancellation: shielded."""
        if self._context.has_spawned:
            with anyio.CancelScope(shield=True):
                await self._context.spawned.ended()

    def _stacks(self) -> list[str]:
        return [*super()._stacks(), *(self._context.spawned.stacks() if self._context.has_spawned else ())]

    def _release(self, reason: ExitReason) -> None:
        if self._context.in_hand is not None:
            self._settle_in_hand(reason)
        self._context.release(reason, _SHUTDOWN if self._innocent else reason)

    def crash(self, error: BaseException) -> None:
        self._innocent = self._innocent or isinstance(error, MailboxFull)
        super().crash(error)

    def spawned_failed(self, reason: ExitReason) -> None:
        if (self._stop_reason is not None or self._crash_reason is not None) and isinstance(reason, Failed):
            self._report_hook(repr(reason.error), "a background task")
        self._interrupt(reason)

    def _interrupt(self, reason: ExitReason) -> None:
        self._context.stop()  # a handler that never waits would otherwise go on to the next message
        super()._interrupt(reason)

    # ---- watchdog: one pending timer per life, set forward when it fires early

    def _note_handling(self) -> None:
        self._handling_since = self.runtime.now()
        limit = self._spec.watchdog
        if limit is not None:
            self._set_timer("watchdog", limit, self._check_handling)

    def _check_handling(self) -> None:
        self._cancel_timer("watchdog")
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


BEGINNINGS.add(ActorLife._make.__code__)  # a constructor runs in the task of whoever has it started
