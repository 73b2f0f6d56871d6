"""What the type checkers must know of `supervisor.testing`. Only checked, never run; in the style of api.py beside this."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from typing import assert_type

from supervisor import Actor, ActorSpec, ChildStarted, Message, Name, Request, Supervisor, SupervisorSpec
from supervisor.testing import OpenTree, Probe, await_restart, crash, kill, open_tree, replace_state, state_of


class Deposit(Message, frozen=True):
    amount: int


class Balance(Request[int], frozen=True):
    pass


class Other(Request[str], frozen=True):
    pass


class Account(Actor[Deposit | Balance]):
    def receive(self, message: Deposit | Balance) -> int | None:
        return None if isinstance(message, Deposit) else 1


class Stranger(Actor[Other]):
    def receive(self, message: Other) -> str:
        return "here"


ACCOUNT: Name[Deposit | Balance] = Name("account")
SPEC = SupervisorSpec("bank", [ActorSpec("account", Account, name=ACCOUNT)])


def make_probes() -> None:
    probe: Probe[Deposit | Balance] = Probe(Deposit, Balance)
    assert_type(Probe(Deposit), Probe[Deposit])
    assert_type(Probe.like(Account), Probe[Deposit | Balance])
    Probe("Deposit")  # type: ignore[arg-type]
    assert_type(probe.spec("account", name=ACCOUNT), ActorSpec[Deposit | Balance])
    assert_type(probe.in_place_of(ActorSpec("account", Account)), ActorSpec[Deposit | Balance])
    probe.in_place_of(ActorSpec("account", Stranger))  # type: ignore[arg-type]
    assert_type(probe.in_tree(SPEC, "bank/account"), SupervisorSpec)


async def use_a_probe(probe: Probe[Deposit | Balance]) -> None:
    probe.answers(Balance, 1).holds(Balance).crashes_on(Deposit, ValueError("no"))
    probe.answers(Balance, "one")  # type: ignore[misc]
    probe.answers(Deposit, 1)  # type: ignore[arg-type]
    probe.answers_by(Balance, lambda request: 1)
    probe.answers_by(Deposit, lambda message: message.amount)
    probe.answers_by(Deposit, lambda message: message.nothing)  # type: ignore[attr-defined]
    probe.holds(Deposit)  # type: ignore[arg-type]
    probe.crashes_on(Deposit, "no")  # type: ignore[arg-type]
    assert_type(probe.messages, list[Deposit | Balance])
    assert_type(await probe.received(Deposit), Deposit)
    assert_type(await probe.received(lambda message: isinstance(message, Balance)), Deposit | Balance)
    await probe.received("Deposit")  # type: ignore[call-overload]


async def use_faults(root: Supervisor) -> None:
    account = root.ref(ACCOUNT)
    assert_type(await await_restart(account, crash(account)), int)
    crash(account, "no")  # type: ignore[arg-type]
    crash(ACCOUNT)  # type: ignore[arg-type]
    kill(ACCOUNT)  # type: ignore[arg-type]
    assert_type(state_of(account, Account), Account)
    state_of(account, int)  # type: ignore[type-var]
    assert_type(replace_state(account, Account, lambda state: state), Account)
    replace_state(account, Account, lambda state: 1)  # type: ignore[arg-type, return-value]


async def use_a_tree() -> None:
    async with open_tree(SPEC) as tree:
        assert_type(tree, OpenTree)
        assert_type(tree.of(ChildStarted), list[ChildStarted])
    open_tree(ActorSpec("account", Account))  # type: ignore[arg-type]
