"""`spec.portable()`: why a spec could not be started on another machine."""

from __future__ import annotations

from functools import partial
from typing import Any

import anyio
import pytest
from attrs import define

from supervisor import (
    Actor,
    ActorSpec,
    Conflate,
    Down,
    DynamicSupervisorSpec,
    Mailbox,
    Message,
    OnError,
    Request,
    SupervisorSpec,
    TaskSpec,
)
from supervisor.store import MemoryStore


class Put(Message, frozen=True):
    key: str


class Get(Request[int], frozen=True):
    pass


class Plain:
    pass


@define
class Portable(Actor[Put | Get | Down]):
    size: int = 0

    def receive(self, message: Any) -> Any: ...


class Open(Actor[object]):
    def receive(self, message: Any) -> Any: ...


class Local(Actor[Put | Plain]):
    def receive(self, message: Any) -> Any: ...


def test_what_is_made_of_modules_names_and_messages_is_portable() -> None:
    children = [
        ActorSpec("a", Portable, mailbox=Mailbox(10), on_error={ValueError: OnError.STOP}),
        ActorSpec("b", partial(Portable, 5)),
        TaskSpec("t", anyio.sleep_forever),
        DynamicSupervisorSpec("d"),
    ]
    assert SupervisorSpec("root", children).portable() == ()


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (ActorSpec("a", lambda: Portable(5)), "a: its start cannot be pickled"),
        (ActorSpec("a", partial(Portable, lambda: 5)), "a: its start cannot be pickled"),
        (ActorSpec("a", Open), "a: Open accepts anything; name its messages: Actor[Deposit | Balance]"),
        (ActorSpec("a", Local), "a: Plain is no Message; derive it from Message or Request"),
        (ActorSpec("a", Portable, store=MemoryStore()), "a: its store is on this machine"),
        (ActorSpec("a", Portable, mailbox=Mailbox(1, Conflate(lambda one: one))), "a: its mailbox cannot be pickled"),
        (TaskSpec("t", lambda: anyio.sleep(1)), "t: its run cannot be pickled"),
        (DynamicSupervisorSpec("d", store=MemoryStore()), "d: its store is on this machine"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_it_is_said_why_a_spec_is_not(spec: Any, why: str) -> None:
    assert any(reason.startswith(why) for reason in SupervisorSpec("root", [spec]).portable())


def test_a_factory_that_is_no_class_hides_its_messages() -> None:
    reasons = ActorSpec("a", _make).portable()
    assert [reason for reason in reasons if "nobody knows which messages it takes" in reason]


def _make() -> Actor[Put]:
    raise AssertionError


def test_a_deep_tree_is_looked_through_without_recursion() -> None:
    spec = SupervisorSpec("leaf", [ActorSpec("a", Open)])
    for _ in range(2_000):
        spec = SupervisorSpec("level", [spec])
    assert len(spec.portable()) == 1
