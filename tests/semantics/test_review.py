"""Faults that a reader of the whole found, each with its scenario."""

from __future__ import annotations

import math
from typing import Annotated, Any, TypedDict

import anyio
import pytest

from supervisor import (
    Actor,
    ActorSpec,
    AutoShutdown,
    Backoff,
    BadReply,
    ChildEnded,
    Conflate,
    DynamicSupervisorSpec,
    Event,
    Exhausted,
    Ignore,
    Intensity,
    Mailbox,
    MailboxOverflow,
    NoSuchActor,
    Overflow,
    Request,
    Restart,
    Scope,
    SpecError,
    Stop,
    SupervisorSpec,
    TaskSpec,
    Topic,
    TreeStopped,
    open_supervisor,
    run,
)
from supervisor.testing import await_restart, crash

pytestmark = pytest.mark.anyio


class Idle(Actor[object]):
    def receive(self, message: object) -> object:
        return message


class Other(Idle):
    pass


def quiet(event: Event) -> None: ...


@pytest.mark.item(29, 58)
async def test_a_restarted_supervisor_starts_its_temporary_children_again() -> None:
    inner = SupervisorSpec("inner", [ActorSpec("t", Idle, restart=Restart.TEMPORARY)])
    async with open_supervisor(SupervisorSpec("root", [inner]), sinks=[quiet]) as root:
        crash(root.child("inner"))
        await anyio.sleep(1)
        assert root.supervisor("inner").child("t").alive


@pytest.mark.item(58)
async def test_a_child_added_under_the_id_of_a_static_one_does_not_come_back() -> None:
    inner = SupervisorSpec("inner", [ActorSpec("s", Idle)])
    async with open_supervisor(SupervisorSpec("root", [inner]), sinks=[quiet]) as root:
        supervisor = root.supervisor("inner")
        await supervisor.terminate_child("s")
        await supervisor.delete_child("s")
        added = await supervisor.start_child(ActorSpec("s", Other))
        crash(root.child("inner"))
        await anyio.sleep(1)
        assert supervisor.get_childspec("s") == inner.children[0]
        assert supervisor.child("s") != added


async def test_readers_end_with_a_tree_that_ends_by_itself() -> None:
    async def work() -> None:
        await anyio.sleep(1)

    task = TaskSpec("t", work, restart=Restart.TEMPORARY, significant=True)
    spec = SupervisorSpec("root", [task], auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)
    async with open_supervisor(spec, sinks=[quiet]) as root:
        with anyio.fail_after(5):
            events = [event async for event in root.events()]
            assert isinstance(events[-1], TreeStopped)
            assert [event async for event in root.events()] == []
            assert [message async for message in root.subscription(Topic[int]("t"))] == []


@pytest.mark.parametrize("deadline", ["9", -1, math.nan, True])
async def test_a_wrong_deadline_is_refused_before_anything_runs(deadline: Any) -> None:
    with pytest.raises(SpecError, match="deadline is"):
        async with open_supervisor(SupervisorSpec("root"), deadline=deadline):
            pass


async def test_sinks_that_are_none_are_refused_before_anything_runs() -> None:
    with pytest.raises(SpecError, match="sinks is"):
        async with open_supervisor(SupervisorSpec("root"), sinks=print):
            pass


def test_run_refuses_what_is_no_root_and_no_function() -> None:
    with pytest.raises(SpecError, match="the root's spec"):
        run(ActorSpec("a", Idle))
    with pytest.raises(SpecError, match="main is 3"):
        run(SupervisorSpec("root"), 3)


class Echo(Request[object], frozen=True):
    pass


@pytest.mark.parametrize("timeout", [math.nan, "5"])
async def test_a_wrong_timeout_hurts_who_gave_it_and_nobody_else(timeout: Any) -> None:
    async with open_supervisor(SupervisorSpec("root", [ActorSpec("a", Idle)])) as root:
        with pytest.raises(ValueError, match="expected seconds"):
            await root.child("a").ask(Echo(), timeout=timeout)
        assert await root.child("a").ask(Echo()) == Echo()


class IgnoresLate(Actor[str]):
    async def on_start(self) -> None:
        if self.context.incarnation == 1:
            self.spawn(self.ignore)

    async def ignore(self) -> None:
        await anyio.sleep(1)
        raise Ignore

    def receive(self, message: str) -> None: ...


@pytest.mark.item(26)
async def test_ignore_after_the_start_is_an_end_like_any_other() -> None:
    events: list[Event] = []
    async with open_supervisor(SupervisorSpec("root", [ActorSpec("a", IgnoresLate)]), sinks=[events.append]) as root:
        assert await await_restart(root.child("a")) == 2
    assert next(event.reason for event in events if isinstance(event, ChildEnded)) == "normal"


async def test_replacing_by_key_is_no_overflow() -> None:
    events: list[Event] = []
    spec = ActorSpec("a", Idle, mailbox=Mailbox(100, Conflate(lambda message: message[0])))
    async with open_supervisor(SupervisorSpec("root", [spec]), sinks=[events.append]) as root:
        assert [root.child("a").tell(f"x{number}") for number in range(5)] == [True] * 5
        assert root.snapshot().flat()[1][1].dropped == 0
        await anyio.sleep(1)
    assert not [event for event in events if isinstance(event, MailboxOverflow)]


async def test_the_same_message_told_twice_to_a_full_mailbox_counts_as_taken() -> None:
    spec = ActorSpec("a", Idle, mailbox=Mailbox(1, Overflow.DROP_OLDEST))
    async with open_supervisor(SupervisorSpec("root", [spec]), sinks=[quiet]) as root:
        message = "same"
        assert [root.child("a").tell(message), root.child("a").tell(message)] == [True, True]


async def test_every_lost_message_is_reported_in_time() -> None:
    events: list[Event] = []
    spec = ActorSpec("a", Idle, mailbox=Mailbox(1))
    async with open_supervisor(SupervisorSpec("root", [spec]), sinks=[events.append]) as root:
        for _ in range(1_001):
            root.child("a").tell("x")
        await anyio.sleep(3)
        assert sum(event.dropped for event in events if isinstance(event, MailboxOverflow)) == 1_000


@pytest.mark.parametrize(("capacity", "overflow"), [(0, Overflow.DROP_OLDEST), (5, "drop")])
async def test_a_subscription_without_room_or_policy_is_refused(capacity: int, overflow: Any) -> None:
    async with open_supervisor(SupervisorSpec("root")) as root:
        with pytest.raises(SpecError):
            root.subscription(Topic[int]("t"), capacity=capacity, overflow=overflow)


class OnceAgain(Actor[str]):
    lives = 0

    async def on_start(self) -> None:
        OnceAgain.lives += 1
        if OnceAgain.lives > 1:
            self.after(0, "done")

    def receive(self, message: str) -> None:
        if message == "done":
            raise Stop
        raise ValueError(message)


@pytest.mark.item(82)
async def test_bringing_back_a_parked_child_that_ends_at_once_is_no_error() -> None:
    OnceAgain.lives = 0
    own = Intensity(0, 10.0, scope=Scope.CHILD, exhausted=Exhausted.GIVE_UP)
    async with open_supervisor(SupervisorSpec("root", [DynamicSupervisorSpec("many", intensity=own)]), sinks=[quiet]) as root:
        many = root.supervisor("many")
        ref = await many.start_child(ActorSpec("a", OnceAgain, restart=Restart.TRANSIENT, backoff=Backoff()))
        ref.tell("poison")
        await anyio.sleep(1)
        assert await many.restart_child(ref) == ref


class Point(TypedDict):
    x: int


class AsksPoint(Request[Point], frozen=True):
    pass


class AsksAnnotated(Request[Annotated[int, "metres"]], frozen=True):
    pass


class Replies(Actor[AsksPoint | AsksAnnotated]):
    def receive(self, message: AsksPoint | AsksAnnotated) -> Any:
        return {"x": 1} if isinstance(message, AsksPoint) else 3


async def test_replies_of_types_that_cannot_be_checked_by_isinstance_are_checked_as_far_as_can_be() -> None:
    async with open_supervisor(SupervisorSpec("root", [ActorSpec("a", Replies)])) as root:
        assert await root.child("a").ask(AsksPoint()) == {"x": 1}
        assert await root.child("a").ask(AsksAnnotated()) == 3


class Number(Request[int], frozen=True):
    pass


class Later(Actor[Number]):
    def receive(self, message: Number) -> None:
        self.reply_later().give("no number")


@pytest.mark.item(140)
async def test_a_late_reply_is_checked_too_and_its_value_is_not_printed() -> None:
    events: list[Event] = []
    async with open_supervisor(SupervisorSpec("root", [ActorSpec("a", Later)]), sinks=[events.append]) as root:
        with pytest.raises(Exception, match="ended before it answered") as caught:
            await root.child("a").ask(Number())
    assert isinstance(caught.value.__cause__, BadReply)
    assert "no number" not in str(events)


class AsksOnStop(Actor[object]):
    def receive(self, message: object) -> None: ...

    async def on_stop(self, reason: object) -> None:
        with pytest.raises(NoSuchActor):
            await self.context.supervisor.child("later").ask(Echo(), timeout=100)


async def test_an_actor_that_asks_a_sibling_gone_before_it_is_told_so_at_once() -> None:
    began = anyio.current_time()
    async with open_supervisor(
        SupervisorSpec("root", [ActorSpec("asks", AsksOnStop), ActorSpec("later", Idle)]), sinks=[quiet]
    ):
        pass
    assert anyio.current_time() - began < 1
