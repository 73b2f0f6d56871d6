"""P. What a tree says when it is asked to look: circles of asks, handlers that hold the loop, what a crash had in hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from attrs import define

from supervisor import (
    DEAD_LETTERS,
    DEBUG,
    Actor,
    ActorSpec,
    AskCycle,
    ChildEnded,
    Diagnostics,
    Event,
    Ref,
    Request,
    Restart,
    Secret,
    SlowHandler,
    SpecError,
    SupervisorSpec,
    Undelivered,
    open_supervisor,
)
from supervisor.testing import kill
from tests.semantics.actors import Boom, BoomError, Do, Get, Journal, actor, opened, settle, sleep, task, tree

pytestmark = pytest.mark.anyio

CYCLES = Diagnostics(ask_cycles=True)


def asks(ref: Ref[Any], question: Any, caught: list[Exception] | None = None) -> Do:
    async def ask(_: Any) -> Any:
        try:
            return await ref.ask(question, timeout=5.0)
        except AskCycle as error:
            if caught is None:
                raise
            caught.append(error)
            return "refused"

    return Do(ask)


async def test_a_circle_of_asks_is_refused_by_who_would_close_it() -> None:
    journal = Journal()
    caught: list[Exception] = []
    spec = tree(*(actor(journal, id) for id in "abc"))
    async with open_supervisor(spec, diagnostics=CYCLES, sinks=[journal.events.append]) as root:
        a, b, c = (root.child(id) for id in "abc")
        assert await a.ask(asks(b, asks(c, asks(a, Get(), caught)))) == "refused"
        assert [getattr(error, "paths", ()) for error in caught] == [("root/c", "root/a", "root/b")]
        assert "root/c -> root/a -> root/b -> root/c; let one of them tell()" in str(caught[0])
        assert await c.ask(asks(a, Get())) == 1


async def test_asks_that_are_no_circle_are_answered() -> None:
    journal = Journal()
    async with open_supervisor(tree(*(actor(journal, id) for id in "abc")), diagnostics=CYCLES) as root:
        a, b, c = (root.child(id) for id in "abc")
        assert await a.ask(asks(b, asks(c, Get()))) == 0
        assert await a.ask(asks(c, asks(b, Get()))) == 1
        assert len(root._runtime.asking) == 0


async def test_who_asks_from_a_spawned_task_waits_for_no_handler() -> None:
    journal = Journal()
    answers: list[object] = []
    async with open_supervisor(tree(actor(journal, "a"), actor(journal, "b")), diagnostics=CYCLES) as root:
        a, b = root.child("a"), root.child("b")

        async def work() -> None:
            answers.append(await b.ask(asks(a, Get())))

        await a.ask(Do(lambda me: me.spawn(work)))
        await settle()
        assert answers == [1]


async def test_without_debugging_a_circle_ends_with_the_timeout() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", restart=Restart.TEMPORARY), actor(journal, "b"))) as root:
        a, b = root.child("a"), root.child("b")
        with pytest.raises(Exception, match="did not answer within 5 s"):
            await a.ask(asks(b, asks(a, Get())), timeout=None)


# ---- handlers that hold the loop


class Compute(Request[None], frozen=True):
    seconds: float


class Blocker(Actor[Compute]):
    def receive(self, message: Compute) -> None:
        time.sleep(message.seconds)  # what must not be done


@pytest.mark.real_time
@pytest.mark.slow
async def test_a_handler_that_holds_the_loop_is_reported_with_its_stack() -> None:
    events: list[Event] = []
    spec = SupervisorSpec("root", [ActorSpec("blocker", Blocker)])
    async with open_supervisor(spec, sinks=[events.append], diagnostics=Diagnostics(slow_handler=0.05)) as root:
        await root.child("blocker").ask(Compute(0.3))
        slow: list[SlowHandler] = []
        with anyio.fail_after(10):
            while not slow:
                await anyio.sleep(0.01)
                slow = [event for event in events if isinstance(event, SlowHandler)]
    assert slow[0].path == "root/blocker"
    assert "what must not be done" in slow[0].stack
    assert slow[0].seconds >= 0.05


@pytest.mark.real_time
@pytest.mark.slow
async def test_what_holds_the_loop_from_outside_the_tree_is_reported_as_the_roots() -> None:
    events: list[Event] = []
    async with open_supervisor(tree(id="top"), sinks=[events.append], diagnostics=DEBUG):
        await anyio.sleep(0.05)
        time.sleep(0.3)  # noqa: ASYNC251  # what must not be done
        with anyio.fail_after(10):
            while not any(isinstance(event, SlowHandler) for event in events):
                await anyio.sleep(0.01)
    assert next(event.path for event in events if isinstance(event, SlowHandler)) == "top"


@pytest.mark.parametrize(
    "wrong",
    [{"slow_handler": 0}, {"slow_handler": "1"}, {"slow_handler": float("nan")}, {"slow_handler": True}, {"disclose": 5}],
    ids=str,
)
async def test_wrong_diagnostics_are_refused(wrong: Any) -> None:
    with pytest.raises(SpecError):
        Diagnostics(**wrong)


async def test_what_is_no_diagnostics_is_refused_before_anything_runs() -> None:
    with pytest.raises(SpecError, match=r"diagnostics is True; expected Diagnostics\(...\), such as DEBUG"):
        async with open_supervisor(tree(), diagnostics=True):
            raise AssertionError


# ---- crash reports


class Pay(Request[None], frozen=True):
    amount: int
    token: Secret[str]


@define
class Payer(Actor[Pay]):
    paid: int = 7

    def receive(self, message: Pay) -> None:
        raise BoomError


def fields_of(value: object) -> object:
    return {name: getattr(value, name) for name in ("amount", "token", "paid") if hasattr(value, name)}


def fails(_: object) -> object:
    raise RuntimeError("secret stuff")


@pytest.mark.item(141, 210)
@pytest.mark.parametrize(
    ("disclose", "message", "state"),
    [
        (None, "Pay", "Payer"),
        (fields_of, "{'amount': 5, 'token': '***'}", "{'paid': 7}"),
        (fails, "Pay, about which disclose() raised RuntimeError", "Payer, about which disclose() raised RuntimeError"),
        (lambda _: "x" * 10_000, "x" * 2_000, "x" * 2_000),
    ],
    ids=["nothing", "fields", "a hook that fails", "too much"],
)
async def test_a_crash_report_says_of_message_and_state_what_the_hook_lets_through(
    disclose: Callable[[object], object] | None, message: str, state: str
) -> None:
    events: list[Event] = []
    spec = SupervisorSpec("root", [ActorSpec("payer", Payer)])
    async with open_supervisor(spec, sinks=[events.append], diagnostics=Diagnostics(disclose=disclose)) as root:
        root.child("payer").tell(Pay(5, Secret("key")))
        await settle()
    ended = next(event for event in events if isinstance(event, ChildEnded))
    assert (ended.message, ended.state) == (message, state)


@pytest.mark.item(141)
async def test_an_end_that_is_no_crash_says_nothing_of_message_and_state() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"), task("t", sleep)), journal) as root:
        await root.child("a").stop()
        kill(root.child("t"))
        await settle()
    assert {(event.message, event.state) for event in journal.of(ChildEnded)} == {(None, None)}


# ---- dead letters


@pytest.mark.item(150)
async def test_dead_letters_can_be_read_with_the_message_itself() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        letters = root.subscription(DEAD_LETTERS)
        a = root.child("a")
        a.tell(Boom("the first"))
        await settle()
        await root.terminate_child("a")
        a.tell("too late")
        found = [await anext(letters) for _ in range(2)]
        assert [letter.reason for letter in found] == ["its handler ended with BoomError: the first", "no such actor"]
        assert [letter.message for letter in found] == [Boom("the first"), "too late"]
        assert "too late" not in repr(found[1])


@pytest.mark.item(150)
async def test_an_actor_can_read_them_and_its_own_go_round_in_no_circle() -> None:
    got: list[Undelivered] = []

    class Reader(Actor[Undelivered]):
        async def on_start(self) -> None:
            self.subscribe(DEAD_LETTERS)

        async def receive(self, message: Undelivered) -> None:
            got.append(message)
            raise BoomError

    journal = Journal()
    spec = tree(actor(journal, "a"), ActorSpec("reader", Reader, restart=Restart.TEMPORARY))
    async with opened(spec) as root:
        await root.terminate_child("a")
        root.child("a").tell("lost")
        await settle()
        assert [letter.message for letter in got] == ["lost"]
