"""What the type checkers must know of the public face. Only checked, never run.

Each line with an ignore is an error on purpose: mypy's `warn_unused_ignores` and pyright's
`reportUnnecessaryTypeIgnoreComment` fail when it no longer is one.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from typing import assert_type

from actors import QuoteEvent, TradeEvent, quotes, trades
from supervisor import Actor, ActorSpec, Message, Name, Ref, Request, Subscription, Supervisor, SupervisorSpec, Topic, run


class Deposit(Message, frozen=True):
    amount: int


class Balance(Request[int], frozen=True):
    pass


class Other(Request[str], frozen=True):
    pass


class Account(Actor[Deposit | Balance]):
    def receive(self, message: Deposit | Balance) -> int | None:
        return None if isinstance(message, Deposit) else 1


class AsyncAccount(Actor[Deposit | Balance]):
    async def receive(self, message: Deposit | Balance) -> int | None:
        self.after(1.0, Deposit(1))
        self.after(1.0, Other())  # type: ignore[arg-type]
        return None


ACCOUNT: Name[Deposit | Balance] = Name("account")
DEPOSITS: Topic[Deposit] = Topic("deposits")
SPEC = SupervisorSpec("bank", [ActorSpec("account", Account, name=ACCOUNT)])


async def use(root: Supervisor) -> None:
    account = root.ref(ACCOUNT)
    assert_type(account, Ref[Deposit | Balance])
    assert_type(await account.ask(Balance()), int)
    account.tell(Deposit(1))
    await account.send(Balance())
    account.tell(Other())  # type: ignore[arg-type]
    await account.ask(Other())  # type: ignore[arg-type]
    await account.ask(Deposit(1))  # type: ignore[arg-type]
    started = await root.start_child(ActorSpec("another", Account))
    started.tell(Deposit(1))
    deposit_only(account)


def deposit_only(account: Ref[Deposit]) -> None:
    account.tell(Balance())  # type: ignore[arg-type]


async def read(root: Supervisor) -> None:
    assert_type(root.subscription(trades("binance:BTC/USDT")), Subscription[TradeEvent])
    async for event in root.subscription(quotes("binance:BTC/USDT")):
        assert_type(event, QuoteEvent)


def publish(account: Account, root: Supervisor) -> None:
    account.subscribe(DEPOSITS)
    account.subscribe(Topic[Other]("others"))  # type: ignore[arg-type]
    root.publish(DEPOSITS, Deposit(1))


async def main(root: Supervisor) -> str:
    return "done"


assert_type(run(SPEC, main), str | None)
ActorSpec("account", Account, shutdwon=1.0)  # type: ignore[call-arg]
