"""`Probe`: stands for an actor."""

from __future__ import annotations

import anyio
import pytest
from attrs import define

from supervisor import (
    Actor,
    ActorCrashed,
    ActorSpec,
    AskTimeout,
    BadReply,
    ChildEnded,
    Message,
    Name,
    Request,
    SpecError,
    SupervisorSpec,
)
from supervisor.testing import NotReceived, Probe, Unanswered, await_restart, crash, open_tree

pytestmark = pytest.mark.anyio


class Deposit(Message, frozen=True):
    amount: int


class Balance(Request[int], frozen=True):
    pass


@define
class Account(Actor[Deposit | Balance]):
    balance: int = 0

    def receive(self, message: Deposit | Balance) -> int | None:
        raise AssertionError("the probe stands here")


ACCOUNT: Name[Deposit | Balance] = Name("account")
BANK = SupervisorSpec(
    "bank",
    [SupervisorSpec("vault", [ActorSpec("account", Account, name=ACCOUNT), ActorSpec("other", Account)])],
)


async def test_a_probe_takes_an_actors_place_in_a_tree() -> None:
    probe = Probe.like(Account).answers(Balance, 7)
    async with open_tree(probe.in_tree(BANK, "bank/vault/account")) as tree:
        account = tree.root.ref(ACCOUNT)
        assert account.path == "bank/vault/account"
        assert await account.ask(Balance()) == 7
        assert probe.lives == 1
    assert BANK.children[0].children[0].start is Account


async def test_a_probe_takes_what_its_actor_takes() -> None:
    probe = Probe(Deposit)
    async with open_tree(SupervisorSpec("root", [probe.spec("a")])) as tree:
        with pytest.raises(TypeError, match=r"does not accept Balance; it is an Actor\[Deposit\]"):
            tree.root.child("a").tell(Balance())


async def test_it_records_what_came_when_and_to_which_life() -> None:
    probe = Probe.like(Account)
    async with open_tree(SupervisorSpec("root", [probe.in_place_of(ActorSpec("a", Account))])) as tree:
        ref = tree.root.child("a")
        ref.tell(Deposit(1))
        await anyio.sleep(3)
        await await_restart(ref, crash(ref))
        ref.tell(Deposit(2))
        await probe.received(lambda message: message == Deposit(2))
    assert [(one.message, round(one.at), one.incarnation) for one in probe.heard] == [(Deposit(1), 0, 1), (Deposit(2), 3, 2)]
    assert probe.messages == [Deposit(1), Deposit(2)]
    assert (probe.lives, len(probe.reasons)) == (2, 2)


async def test_each_message_is_received_once_the_oldest_first(probe: Probe[int]) -> None:
    async with open_tree(SupervisorSpec("root", [probe.spec("a")])) as tree:
        for number in (1, 2, 3):
            tree.root.child("a").tell(number)
        assert await probe.received(int) == 1
        assert await probe.received(lambda number: number > 2) == 3
        assert await probe.received(int) == 2


async def test_it_waits_for_what_is_still_to_come(probe: Probe[int]) -> None:
    async with open_tree(SupervisorSpec("root", [probe.spec("a")])) as tree, anyio.create_task_group() as group:

        async def later() -> None:
            await anyio.sleep(4)
            tree.root.child("a").tell(1)

        group.start_soon(later)
        assert await probe.received(int) == 1
        assert anyio.current_time() == pytest.approx(4)


async def test_what_does_not_come_is_said_with_what_came(probe: Probe[object]) -> None:
    async with open_tree(SupervisorSpec("root", [probe.spec("a")])) as tree:
        tree.root.child("a").tell("a text")
        with pytest.raises(NotReceived, match=r"no int came within 2 s; what came and was not asked for: 'a text'"):
            await probe.received(int, timeout=2)
        assert anyio.current_time() == pytest.approx(2)
        assert not probe._waiting


async def test_it_answers_as_it_was_told() -> None:
    asked: list[object] = []

    async def count(request: Balance) -> int:
        await anyio.sleep(1)
        asked.append(request)
        return len(asked)

    probe = Probe.like(Account).answers_by(Balance, count)
    async with open_tree(SupervisorSpec("root", [probe.spec("a")])) as tree:
        ref = tree.root.child("a")
        assert [await ref.ask(Balance()), await ref.ask(Balance())] == [1, 2]
        probe.answers(Balance, 9)
        assert await ref.ask(Balance()) == 9
        probe.answers_by(Balance, lambda request: 10)
        assert await ref.ask(Balance()) == 10


async def test_it_crashes_as_it_was_told() -> None:
    probe = Probe.like(Account).crashes_on(Deposit, ZeroDivisionError())
    async with open_tree(SupervisorSpec("root", [probe.spec("a")])) as tree:
        tree.root.child("a").tell(Deposit(1))
        assert await await_restart(tree.root.child("a"), 1) == 2
    assert isinstance(tree.of(ChildEnded, "root/a")[0].cause, ZeroDivisionError)


async def test_it_holds_what_shall_not_be_answered_yet() -> None:
    probe = Probe.like(Account).holds(Balance)
    async with open_tree(SupervisorSpec("root", [probe.spec("a")])) as tree:
        ref = tree.root.child("a")
        with pytest.raises(AskTimeout):
            await ref.ask(Balance(), timeout=1)
        async with anyio.create_task_group() as group:

            async def answer() -> None:
                await anyio.sleep(1)
                assert not probe.held[0].give(1)
                assert probe.held[1].give(2)

            group.start_soon(answer)
            assert await ref.ask(Balance()) == 2


async def test_a_request_without_an_answer_is_loud() -> None:
    probe = Probe.like(Account)
    async with open_tree(SupervisorSpec("root", [probe.spec("a")])) as tree:
        with pytest.raises(ActorCrashed) as caught:
            await tree.root.child("a").ask(Balance())
        error = caught.value.reason.error
        assert isinstance(error, Unanswered)
        assert "write probe.answers(Balance, value)" in str(error)


async def test_an_answer_of_the_wrong_type_is_refused_as_an_actors_would_be() -> None:
    probe = Probe.like(Account).answers(Balance, "much")
    async with open_tree(SupervisorSpec("root", [probe.spec("a")])) as tree:
        with pytest.raises(ActorCrashed) as caught:
            await tree.root.child("a").ask(Balance())
        assert isinstance(caught.value.reason.error, BadReply)


async def test_its_memory_is_bounded() -> None:
    probe: Probe[int] = Probe(int, capacity=3)
    async with open_tree(SupervisorSpec("root", [probe.spec("a")])) as tree:
        for number in range(10):
            tree.root.child("a").tell(number)
        await probe.received(lambda number: number == 9)
    assert probe.messages == [7, 8, 9]
    assert probe.forgotten == 7
    probe.clear()
    assert probe.messages == []


@pytest.mark.parametrize("path", ["bank", "bank/vault", "bank/vault/nobody", "vault/account", "bank/vault/account/deeper"])
def test_a_place_that_no_actor_has_cannot_be_taken(path: str) -> None:
    with pytest.raises(SpecError, match="the path of a static actor, such as 'bank/vault/account'"):
        Probe().in_tree(BANK, path)


def test_a_probe_of_no_class_is_refused() -> None:
    with pytest.raises(TypeError, match="expected classes"):
        Probe("Deposit")
    with pytest.raises(ValueError, match="whole number from 1"):
        Probe(capacity=0)
