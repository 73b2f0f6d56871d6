"""What the type checkers must know of the public face. Only checked, never run.

Each line with an ignore is an error on purpose: mypy's `warn_unused_ignores` and pyright's
`reportUnnecessaryTypeIgnoreComment` fail when it no longer is one.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from typing import assert_type

from actors import QuoteEvent, TradeEvent, quotes, trades
from supervisor import (
    Actor,
    ActorSpec,
    BlockingReader,
    BlockingRef,
    BlockingSupervisor,
    Done,
    DuplicateRegistry,
    Event,
    Job,
    Message,
    Name,
    Pool,
    PoolSpec,
    Ref,
    Registered,
    Registry,
    RegistryView,
    Request,
    Subscription,
    Supervisor,
    SupervisorSpec,
    Topic,
    Unregistered,
    background,
    run,
)


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


def use_from_a_thread(root: BlockingSupervisor) -> None:
    account = root.ref(ACCOUNT)
    assert_type(account, BlockingRef[Deposit | Balance])
    assert_type(account.ask(Balance()), int)
    assert_type(account.tell(Deposit(1)), bool)
    assert_type(account.ref, Ref[Deposit | Balance])
    account.send(Balance())
    account.tell(Other())  # type: ignore[arg-type]
    account.ask(Other())  # type: ignore[arg-type]
    account.ask(Deposit(1))  # type: ignore[arg-type]
    root.start_child(ActorSpec("another", Account)).tell(Deposit(1))
    root.terminate_child(account.ref)  # type: ignore[arg-type]
    root.publish(DEPOSITS, Deposit(1))
    root.publish(DEPOSITS, Other())  # type: ignore[misc]
    deposit_only_from_a_thread(account)
    for event in root.events():
        assert_type(event, Event)
    assert_type(root.subscription(trades("binance:BTC/USDT")), BlockingReader[TradeEvent])
    for deposit in root.subscription(DEPOSITS):
        assert_type(deposit, Deposit)


def deposit_only_from_a_thread(account: BlockingRef[Deposit]) -> None:
    account.tell(Balance())  # type: ignore[arg-type]


def synchronous_bot() -> None:
    with background(SPEC, backend="asyncio") as root:
        assert_type(root, BlockingSupervisor)
        assert_type(root.supervisor("inner"), BlockingSupervisor)


ADDRESSES: Registry[str, int] = Registry("addresses")
ROOMS: DuplicateRegistry[str, int] = DuplicateRegistry("rooms")


def register(account: Account, root: Supervisor) -> None:
    mine = account.registry(ADDRESSES)
    mine.register("here", 1)
    mine.register(1, 1)  # type: ignore[arg-type]
    mine.register("here", "one")  # type: ignore[arg-type]
    assert_type(mine.update("here", lambda value: value + 1), int)
    assert_type(mine.keys(), list[str])
    view = root.registry(ROOMS)
    assert_type(view, RegistryView[str, int])
    assert_type(view.values("here"), list[int])
    view.register("here", 1)  # type: ignore[attr-defined]
    account.subscribe(ADDRESSES.events)  # type: ignore[arg-type]
    assert_type(root.subscription(ADDRESSES.events), Subscription[Registered[str, int] | Unregistered[str]])


class Numbered(Account):
    def __init__(self, number: int) -> None: ...


ACCOUNTS: Pool[Deposit | Balance] = Pool("accounts")
PoolSpec("accounts", Numbered, 4, name=ACCOUNTS)
PoolSpec("accounts", Account, 4)  # type: ignore[arg-type]
PoolSpec("accounts", Numbered, "four")  # type: ignore[arg-type]


async def use_a_pool(root: Supervisor) -> None:
    member = root.pool(ACCOUNTS).member("somebody")
    assert_type(await member.ask(Balance()), int)
    member.tell(Other())  # type: ignore[arg-type]
    root.pool(ACCOUNT)  # type: ignore[arg-type]
    root.ref(ACCOUNTS)  # type: ignore[arg-type]


async def count(text: str, least: int) -> float:
    return float(len(text) + least)


async def length(text: str) -> int:
    return len(text)


async def use_tasks(root: Supervisor) -> None:
    tasks = root.tasks("jobs")
    job = await tasks.start(count, "text", 1, timeout=1.0)
    assert_type(job, Job[float])
    assert_type(await job.result(), float)
    assert_type(await tasks.run(length, "text"), int)
    await tasks.run(length, 1)  # type: ignore[arg-type]
    async with tasks.stream(length, ["a", "b"]) as outcomes:
        async for outcome in outcomes:
            if isinstance(outcome, Done):
                assert_type(outcome.value, int)
    tasks.stream(length, [1])  # type: ignore[arg-type]


async def main(root: Supervisor) -> str:
    return "done"


assert_type(run(SPEC, main), str | None)
ActorSpec("account", Account, shutdwon=1.0)  # type: ignore[call-arg]
