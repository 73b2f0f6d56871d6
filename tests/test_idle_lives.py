"""Lives without a task, and what is reused: an actor that has nothing to do is only an object."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from attrs import define, field

from supervisor import (
    Actor,
    ActorCrashed,
    ActorSpec,
    ChildEnded,
    DeadLetter,
    Event,
    Killed,
    NoSuchActor,
    OnError,
    Request,
    Restart,
    Shutdown,
    Stop,
    Supervisor,
    SupervisorSpec,
    open_supervisor,
)
from supervisor.exits import ExitReason
from supervisor.ref import SPARE_PARKERS
from supervisor.testing.leakage import _tasks
from supervisor.tree import TURN
from tests.semantics.actors import Boom, BoomError, Get, Journal, Outcome, Sleep, opened, settle, tree

pytestmark = pytest.mark.anyio

COLOUR: ContextVar[str] = ContextVar("COLOUR", default="none")


class Colour(Request[str], frozen=True):
    """Which colour the handler sees."""


class Plain(Actor[object]):
    """No on_start, no on_stop."""

    def receive(self, message: object) -> Any:
        match message:
            case Get():
                return 7
            case Boom(text):
                raise BoomError(text)
            case Sleep(seconds):
                return self._sleep(seconds)
            case Stop():
                raise message
        return None

    async def _sleep(self, seconds: float) -> str:
        await anyio.sleep(seconds)
        return "slept"


class Starts(Plain):
    async def on_start(self) -> None:
        pass


@define(eq=False)
class Stops(Plain):
    reasons: list[ExitReason]

    async def on_stop(self, reason: ExitReason) -> None:
        self.reasons.append(reason)


def one(actor: Callable[[], Actor[Any]] = Plain, **kwargs: Any) -> SupervisorSpec:
    return tree(ActorSpec("a", actor, **kwargs))


def task_names() -> set[str]:
    return {name.removeprefix("task").strip() for name in _tasks()}


# ------------------------------------------------------------------------------------------------------------ the task


async def test_an_actor_without_on_start_has_no_task_until_its_first_message() -> None:
    async with opened(one()) as root:
        await settle()
        assert root.child("a").alive
        assert "root/a" not in task_names()
        root.child("a").tell("first")
        await settle()
        assert "root/a" in task_names()


async def test_an_actor_with_on_start_has_a_task_from_the_start() -> None:
    async with opened(one(Starts)) as root:
        assert "root/a" in task_names()
        assert root.child("a").alive


async def test_the_next_life_after_a_crash_has_no_task_until_its_first_message() -> None:
    async with opened(one(), Journal()) as root:
        root.child("a").tell(Boom())
        await settle()
        assert root.child("a").alive
        assert "root/a" not in task_names()
        assert await root.child("a").ask(Get()) == 7


async def test_what_was_queued_behind_a_crash_gives_the_next_life_its_task_at_once() -> None:
    async with opened(one(), Journal()) as root, anyio.create_task_group() as group:
        root.child("a").tell(Boom())
        answer = Outcome(group, root.child("a"), Get())
        await settle()
        assert answer.value == 7


def without_a_turn(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine comes to that never waits."""
    with pytest.raises(StopIteration) as done:
        coroutine.send(None)
    return done.value.value


async def test_stopping_an_idle_actor_without_on_stop_needs_no_turn_of_the_loop() -> None:
    async with opened(one(restart=Restart.TEMPORARY)) as root:
        ref = root.child("a")
        assert without_a_turn(ref.stop()) == Shutdown()
        assert not ref.alive
        with pytest.raises(NoSuchActor):
            await ref.ask(Get())


async def test_an_idle_actor_that_is_stopped_lives_again_at_once_if_it_is_permanent() -> None:
    async with opened(one(restart=Restart.PERMANENT)) as root:
        assert without_a_turn(root.child("a").stop()) == Shutdown()
        await anyio.sleep(1000)  # its restart may have a delay
        assert await root.child("a").ask(Get()) == 7
        assert root.which_children()[0].incarnation == 2


async def test_an_idle_actor_that_is_stopped_runs_its_on_stop() -> None:
    reasons: list[ExitReason] = []
    async with opened(one(lambda: Stops(reasons), restart=Restart.TEMPORARY)) as root:
        assert "root/a" not in task_names()
        assert await root.child("a").stop(Shutdown("enough")) == Shutdown("enough")
        assert reasons == [Shutdown("enough")]


async def test_the_end_of_the_tree_runs_the_on_stop_of_idle_actors_in_reverse_order() -> None:
    order: list[str] = []

    class Last(Plain):
        async def on_stop(self, reason: ExitReason) -> None:
            order.append(self.context.path)

    async with opened(tree(ActorSpec("a", Last), ActorSpec("b", Plain), ActorSpec("c", Last))):
        pass
    assert order == ["root/c", "root/a"]


# --------------------------------------------------------------------------------------------------- context variables


class Painted(Plain):
    def __init__(self, colour: str) -> None:
        COLOUR.set(colour)

    def receive(self, message: object) -> Any:
        return COLOUR.get()


class Unpainted(Plain):
    def receive(self, message: object) -> Any:
        return COLOUR.get()


async def test_a_handler_sees_the_context_variables_that_its_constructor_set_and_nobody_else_does() -> None:
    children = [
        ActorSpec("red", lambda: Painted("red")),
        ActorSpec("plain", Unpainted),
        ActorSpec("blue", lambda: Painted("blue")),
        ActorSpec("last", Unpainted),
    ]
    async with opened(tree(*children)) as root:
        seen = {child.id: await root.child(child.id).ask(Colour()) for child in children}
        assert seen == {"red": "red", "plain": "none", "blue": "blue", "last": "none"}
        assert COLOUR.get() == "none"


async def test_the_next_life_sees_what_its_own_constructor_set() -> None:
    colours = iter(["red", "blue"])
    async with opened(one(lambda: Painted(next(colours)), restart=Restart.PERMANENT)) as root:
        assert await root.child("a").ask(Colour()) == "red"
        await root.child("a").stop()
        assert await root.child("a").ask(Colour(), timeout=1000.0) == "blue"


# ------------------------------------------------------------------------------------------------- others get their turn


@define(eq=False)
class Turns:
    """A task that counts its turns, and what happens between two of them."""

    number: int = 0
    between: Counter[int] = field(factory=Counter)

    def __call__(self, _: object = None) -> None:
        self.between[self.number] += 1

    async def run(self) -> None:
        while True:
            await anyio.lowlevel.checkpoint()
            self.number += 1

    @property
    def most(self) -> int:
        """How much happened at most between two of its turns."""
        return max(self.between.values())


@asynccontextmanager
async def counting(turns: Turns) -> AsyncIterator[None]:
    async with anyio.create_task_group() as group:
        group.start_soon(turns.run)
        yield
        group.cancel_scope.cancel()


MOST = 2 * (TURN + 2)
"""In one go, and on trio, which runs what is ready in any order, once more before the other task has its turn."""


def plain_crowd(start: Callable[[], Actor[Any]]) -> SupervisorSpec:
    return tree(*(ActorSpec(str(number), start) for number in range(1000)))


async def test_while_a_thousand_idle_actors_start_another_task_gets_its_turns() -> None:
    turns = Turns()

    def start() -> Plain:
        turns()
        return Plain()

    async with counting(turns), opened(plain_crowd(start)):
        assert turns.between.total() == 1000
        assert turns.most <= MOST
        assert turns.most >= TURN // 2  # and they do start many at once


async def test_while_a_thousand_idle_actors_stop_another_task_gets_its_turns() -> None:
    turns = Turns()

    def note(event: Event) -> None:
        if isinstance(event, ChildEnded):
            turns()

    async with counting(turns), open_supervisor(tree(), sinks=[note]) as root:
        for number in range(1000):  # not in the spec: of many that begin at once some get a task
            await root.start_child(ActorSpec(str(number), Plain))
    assert turns.between.total() == 1000
    assert turns.most <= MOST
    assert turns.most >= TURN // 2


# ------------------------------------------------------------------------------- a sync receive that returns a coroutine


@pytest.mark.item(135, 141)
async def test_what_a_sync_receive_returned_to_be_awaited_is_cut_by_the_kill() -> None:
    journal = Journal()
    async with opened(one(shutdown=1.0, restart=Restart.TEMPORARY), journal) as root, anyio.create_task_group() as group:
        ref, began = root.child("a"), anyio.current_time()
        answer = Outcome(group, ref, Sleep(100.0))
        await settle()
        assert await ref.stop() == Killed()
        assert anyio.current_time() - began == pytest.approx(1.0)
        await settle()
        assert isinstance(answer.value, ActorCrashed)
        assert answer.value.reason == Killed()
        assert [letter.message for letter in journal.of(DeadLetter)] == ["Sleep"]


async def test_what_a_sync_receive_returned_to_be_awaited_is_finished_within_the_grace() -> None:
    journal = Journal()
    async with opened(one(shutdown=5.0, restart=Restart.TEMPORARY), journal) as root, anyio.create_task_group() as group:
        answer = Outcome(group, root.child("a"), Sleep(1.0))
        await settle()
        assert await root.child("a").stop() == Shutdown()
        await settle()
        assert answer.value == "slept"
        assert journal.of(DeadLetter) == []


# ----------------------------------------------------------------------------------------------------- what was handled


def handled(root: Supervisor) -> int:
    found = root.snapshot().find("root/a")
    assert found is not None
    return found.handled


async def test_what_was_handled_to_its_end_is_counted() -> None:
    async with opened(one()) as root:
        assert handled(root) == 0
        for number in range(600):  # more than one batch
            root.child("a").tell(number)
        await settle()
        assert handled(root) == 600
        await root.child("a").ask(Get())
        await settle()
        assert handled(root) == 601


@pytest.mark.parametrize("before", [0, 1, 5])
async def test_what_failed_is_not_counted(before: int) -> None:
    async with opened(one(), Journal()) as root:
        for number in range(before):
            root.child("a").tell(number)
        root.child("a").tell(Boom())
        root.child("a").tell("for the next life")
        await anyio.sleep(1000)
        assert handled(root) == before + 1


async def test_what_was_resumed_from_is_not_counted() -> None:
    async with opened(one(on_error={BoomError: OnError.RESUME}), Journal()) as root:
        for message in ("a", Boom(), "b", Boom(), Boom(), "c"):
            root.child("a").tell(message)
        await settle()
        assert handled(root) == 3


async def test_what_was_cut_is_not_counted() -> None:
    async with opened(one(shutdown=1.0, restart=Restart.TRANSIENT), Journal()) as root:
        root.child("a").tell("a")
        root.child("a").tell(Sleep(100.0))
        await settle()
        await root.child("a").stop()
        assert handled(root) == 1


async def test_what_had_expired_is_not_counted() -> None:
    journal = Journal()
    async with opened(one(), journal) as root:
        root.child("a").tell(Sleep(10.0))
        await settle()
        for message in "abc":
            root.child("a").tell(message, expires=1.0)
        root.child("a").tell("d", expires=100.0)
        root.child("a").tell("e")
        await anyio.sleep(20.0)
        assert len(journal.of(DeadLetter)) == 3
        assert handled(root) == 3  # the sleep, d and e


# -------------------------------------------------------------------------------------------------- where an asker sleeps


def count_parkers(root: Supervisor) -> list[object]:
    """The parkers that a tree makes from now on."""
    runtime = root._runtime
    made: list[object] = []
    new = runtime.parker

    def parker() -> Any:
        made.append(new())
        return made[-1]

    runtime.parker = parker
    return made


async def test_one_ask_after_another_sleeps_at_the_same_place() -> None:
    async with opened(one()) as root:
        await root.child("a").ask(Get())
        made = count_parkers(root)
        for _ in range(10):
            assert await root.child("a").ask(Get()) == 7
            assert await root.child("a").ask(Sleep(1.0), timeout=None) == "slept"
        assert made == []
        assert len(root._runtime.spare_parkers) == 1


async def test_asks_at_the_same_time_sleep_at_places_of_their_own_and_a_bounded_number_is_kept() -> None:
    async with opened(one()) as root:
        await root.child("a").ask(Get())
        made = count_parkers(root)
        async with anyio.create_task_group() as group:
            answers = [Outcome(group, root.child("a"), Get()) for _ in range(SPARE_PARKERS + 50)]
        assert {answer.value for answer in answers} == {7}
        spare = root._runtime.spare_parkers
        assert len(made) == SPARE_PARKERS + 49
        assert len(spare) == len(set(map(id, spare))) == SPARE_PARKERS


async def test_an_answer_to_an_ask_that_was_given_up_does_not_reach_the_next_ask() -> None:
    children = [ActorSpec("slow", Plain), ActorSpec("slower", Plain)]
    async with opened(tree(*children)) as root:
        with anyio.move_on_after(1.0):
            await root.child("slow").ask(Sleep(5.0), timeout=None)
        made, began = count_parkers(root), anyio.current_time()
        assert await root.child("slower").ask(Sleep(10.0), timeout=None) == "slept"
        assert anyio.current_time() - began == pytest.approx(10.0)
        assert len(made) <= 1  # where the second actor sleeps; the ask sleeps where the first did
        assert len(root._runtime.spare_parkers) == 1
