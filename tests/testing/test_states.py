"""Looking into an actor and changing it: OTP's sys:get_state and sys:replace_state."""

from __future__ import annotations

import attrs
import pytest
from attrs import define, field

from supervisor import Actor, ActorSpec, Request, Restart, Supervisor, SupervisorSpec, TaskSpec
from supervisor.errors import NoSuchActor
from supervisor.testing import await_restart, crash, open_tree, replace_state, state_of
from tests.testing.programs import idle

pytestmark = [pytest.mark.anyio, pytest.mark.item(97)]


class Get(Request[int], frozen=True):
    pass


@define
class Account(Actor[Get]):
    balance: int = 0
    history: list[int] = field(factory=list)

    def receive(self, message: Get) -> int:
        return self.balance


class Plain(Actor[Get]):
    """Without slots and attrs."""

    def __init__(self) -> None:
        self.balance = 0
        self.extra = True

    def receive(self, message: Get) -> int:
        return self.balance


SPEC = SupervisorSpec(
    "root",
    [
        ActorSpec("a", Account),
        ActorSpec("plain", Plain),
        ActorSpec("gone", Account, restart=Restart.TRANSIENT),
        TaskSpec("task", idle),
        SupervisorSpec("inner"),
    ],
)


async def test_the_state_is_the_actor_of_the_present_life() -> None:
    async with open_tree(SPEC) as tree:
        ref = tree.root.child("a")
        first = state_of(ref, Account)
        first.balance = 5
        assert await ref.ask(Get()) == 5
        await await_restart(ref, crash(ref))
        assert state_of(ref, Account) is not first
        assert state_of(ref, Account).balance == 0


async def test_the_state_is_replaced_and_the_life_goes_on() -> None:
    async with open_tree(SPEC) as tree:
        ref = tree.root.child("a")
        actor = state_of(ref, Account)
        assert replace_state(ref, Account, lambda account: attrs.evolve(account, balance=7)) is actor
        assert await ref.ask(Get()) == 7
        assert actor.context.incarnation == 1


async def test_attributes_without_slots_are_replaced_too() -> None:
    def other(_: Plain) -> Plain:
        new = Plain()
        new.balance = 3
        del new.extra
        return new

    async with open_tree(SPEC) as tree:
        ref = tree.root.child("plain")
        assert not hasattr(replace_state(ref, Plain, other), "extra")
        assert await ref.ask(Get()) == 3


async def test_a_function_that_fails_leaves_the_state_as_it_is() -> None:
    def fail(account: Account) -> Account:
        attrs.evolve(account, balance=1)
        raise ZeroDivisionError

    async with open_tree(SPEC) as tree:
        ref = tree.root.child("a")
        with pytest.raises(ZeroDivisionError):
            replace_state(ref, Account, fail)
        with pytest.raises(TypeError, match="the function returned 5; expected a Account"):
            replace_state(ref, Account, lambda account: 5)
        assert await ref.ask(Get()) == 0


async def test_a_function_may_change_the_actor_itself() -> None:
    def change(account: Account) -> Account:
        account.balance = 4
        return account

    async with open_tree(SPEC) as tree:
        replace_state(tree.root.child("a"), Account, change)
        assert await tree.root.child("a").ask(Get()) == 4


async def test_only_a_living_actor_of_that_class_has_a_state() -> None:
    async with open_tree(SPEC) as tree:
        for id, kind in (("task", "a task"), ("inner", "a supervisor")):
            with pytest.raises(TypeError, match=f"root/{id} is no actor: {kind}"):
                state_of(tree.root.child(id), Account)
        with pytest.raises(TypeError, match=r"root/a is of class Account; .* expected Plain"):
            state_of(tree.root.child("a"), Plain)
        gone = tree.root.child("gone")
        await tree.root.terminate_child("gone")
        with pytest.raises(NoSuchActor):
            state_of(gone, Account)


async def test_any_actor_has_a_state() -> None:
    async with open_tree(SPEC) as tree:
        assert isinstance(state_of(tree.root.child("a"), Actor), Account)
        assert isinstance(tree.root, Supervisor)
