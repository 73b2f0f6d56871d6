"""What the type checkers must know of the public face. Only checked, never run.

Each line with an ignore is an error on purpose: mypy's `warn_unused_ignores` and pyright's
`reportUnnecessaryTypeIgnoreComment` fail when it no longer is one.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from typing import Any, assert_type

import anyio

from actors import QuoteEvent, TradeEvent, quotes, trades
from supervisor import (
    Actor,
    ActorSpec,
    ActorTimer,
    BlockingReader,
    BlockingRef,
    BlockingSupervisor,
    Done,
    Down,
    DuplicateRegistry,
    DynamicSupervisorSpec,
    Event,
    ExitReason,
    Intensity,
    Job,
    Mailbox,
    Message,
    Monitor,
    Name,
    OnError,
    Outcome,
    Pool,
    PoolSpec,
    Ref,
    Registered,
    Registry,
    RegistryView,
    Reply,
    Request,
    Subscription,
    Supervisor,
    SupervisorSpec,
    Tasks,
    TaskSpec,
    Topic,
    Unregistered,
    background,
    open_supervisor,
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


class Stranger(Actor[Other]):
    def receive(self, message: Other) -> str:
        return "here"


class Deaf(Actor[Deposit]):
    def receive(self, message: Other) -> None: ...  # type: ignore[override]


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
    await account.send(Other())  # type: ignore[arg-type]
    text(await account.ask(Balance()))  # type: ignore[arg-type]
    account.send(Balance())  # type: ignore[unused-coroutine]
    started = await root.start_child(ActorSpec("another", Account))
    started.tell(Deposit(1))
    assert_type(await account.stop(), ExitReason)
    await account.stop("enough")  # type: ignore[arg-type]
    deposit_only(account)


def deposit_only(account: Ref[Deposit]) -> None:
    account.tell(Balance())  # type: ignore[arg-type]
    anything(account)  # type: ignore[arg-type]


def anything(account: Ref[Deposit | Balance]) -> None: ...


def text(value: str) -> None: ...


async def use_a_supervisor(root: Supervisor) -> None:
    jobs = root.supervisor("jobs")
    started = await jobs.start_child(ActorSpec("another", Account))
    assert_type(started, Ref[Deposit | Balance])
    started.tell(Other())  # type: ignore[arg-type]
    await jobs.start_child(Account)  # type: ignore[call-overload]
    await jobs.start_child(ActorSpec("another", Stranger, name=ACCOUNT))  # type: ignore[arg-type]
    assert_type(await jobs.start_child(TaskSpec("task", length)), Ref[Any])
    root.ref("account")  # type: ignore[arg-type]
    root.ref(DEPOSITS)  # type: ignore[arg-type]
    root.child(ACCOUNT)  # type: ignore[arg-type]
    await root.restart_child(root.child("account"))
    await root.terminate_child(ACCOUNT)  # type: ignore[arg-type]
    assert_type(await root.wait(), ExitReason)


async def read(root: Supervisor) -> None:
    assert_type(root.subscription(trades("binance:BTC/USDT")), Subscription[TradeEvent])
    async for event in root.subscription(quotes("binance:BTC/USDT")):
        assert_type(event, QuoteEvent)


def publish(account: Account, root: Supervisor) -> None:
    account.subscribe(DEPOSITS)
    account.subscribe(Topic[Other]("others"))  # type: ignore[arg-type]
    account.unsubscribe(Topic[Other]("others"))  # type: ignore[arg-type]
    account.subscribe(ACCOUNT)  # type: ignore[arg-type]
    account.publish(DEPOSITS, Deposit(1))
    account.publish(DEPOSITS, Other())  # type: ignore[misc]
    root.publish(DEPOSITS, Deposit(1))
    root.publish(DEPOSITS, Other())  # type: ignore[misc]
    root.subscription("deposits")  # type: ignore[arg-type]


class Watching(Actor[Deposit | Down]):
    async def on_start(self) -> None:
        account = self.lookup(ACCOUNT)
        assert_type(account, Ref[Deposit | Balance])
        assert_type(self.every(1.0, Deposit(1)), ActorTimer)
        self.every(1.0, Balance())  # type: ignore[arg-type]
        self.idle_after(1.0, Deposit(1))
        self.idle_after(1.0, Balance())  # type: ignore[arg-type]
        self.after("soon", Deposit(1))  # type: ignore[arg-type]
        assert_type(self.monitor(account), Monitor)
        assert_type(self.watch(account), Monitor)
        self.monitor(ACCOUNT)  # type: ignore[arg-type]
        self.watch(ACCOUNT)  # type: ignore[arg-type]
        self.link(account)
        self.link(ACCOUNT)  # type: ignore[arg-type]
        self.lookup("account")  # type: ignore[arg-type]
        self.registry(ACCOUNT)  # type: ignore[arg-type]
        self.spawn(anyio.sleep, 1.0)
        self.spawn(anyio.sleep)  # type: ignore[arg-type]
        self.spawn(anyio.sleep, "soon")  # type: ignore[arg-type]
        self.spawn(self.flush())  # type: ignore[arg-type]
        assert_type(self.recall(Deposit), Deposit | None)
        assert_type(self.recall_all(Deposit), dict[str, Deposit])
        self.recall("Deposit")  # type: ignore[arg-type]


def answer_later(reply: Reply[int]) -> None:
    reply.give(1)
    reply.give("one")  # type: ignore[arg-type]


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
    account.send(Other())  # type: ignore[arg-type]
    text(account.ask(Balance()))  # type: ignore[arg-type]
    assert_type(account.stop(), ExitReason)
    root.start_child(ActorSpec("another", Account)).tell(Deposit(1))
    root.start_child(ActorSpec("another", Account)).tell(Other())  # type: ignore[arg-type]
    root.start_child(Account)  # type: ignore[call-overload]
    root.ref("account")  # type: ignore[arg-type]
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
    anything(account.ref)  # type: ignore[arg-type]


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
    mine.update("here", str)  # type: ignore[arg-type]
    mine.update(1, lambda value: value)  # type: ignore[arg-type]
    mine.unregister(1)  # type: ignore[arg-type]
    mine.lock(1)  # type: ignore[arg-type]
    assert_type(mine.keys(), list[str])
    view = root.registry(ROOMS)
    assert_type(view, RegistryView[str, int])
    assert_type(view.values("here"), list[int])
    view.values(1)  # type: ignore[arg-type]
    view.match("here", lambda value: value.upper())  # type: ignore[attr-defined]
    assert_type(view.select(lambda key, value: key), list[tuple[str, Ref[Any], int]])
    view.register("here", 1)  # type: ignore[attr-defined]
    account.subscribe(ADDRESSES.events)  # type: ignore[arg-type]
    assert_type(root.subscription(ADDRESSES.events), Subscription[Registered[str, int] | Unregistered[str]])


class Numbered(Account):
    def __init__(self, number: int) -> None: ...


class NumberedStranger(Stranger):
    def __init__(self, number: int) -> None: ...


ACCOUNTS: Pool[Deposit | Balance] = Pool("accounts")
PoolSpec("accounts", Numbered, 4, name=ACCOUNTS)
PoolSpec("accounts", Account, 4)  # type: ignore[arg-type]
PoolSpec("accounts", Numbered, "four")  # type: ignore[arg-type]
PoolSpec("accounts", NumberedStranger, 4, name=ACCOUNTS)  # type: ignore[arg-type]
PoolSpec("accounts", Numbered, 4, name=ACCOUNT)  # type: ignore[arg-type]


async def use_a_pool(root: Supervisor) -> None:
    member = root.pool(ACCOUNTS).member("somebody")
    assert_type(await member.ask(Balance()), int)
    member.tell(Other())  # type: ignore[arg-type]
    await member.ask(Deposit(1))  # type: ignore[arg-type]
    assert_type(root.pool(ACCOUNTS).members(), list[Ref[Deposit | Balance]])
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


async def refused_tasks(tasks: Tasks) -> None:
    await tasks.start(count, "text")  # type: ignore[arg-type]
    await tasks.start(count, "text", "one")  # type: ignore[arg-type]
    await tasks.start(len, "text")  # type: ignore[arg-type]
    text(await tasks.run(length, "text"))  # type: ignore[arg-type]
    job = await tasks.start(length, "text")
    text(await job.result())  # type: ignore[arg-type]
    assert_type(await job.shutdown(), Outcome[int] | None)
    tasks.stream(count, ["a"])  # type: ignore[arg-type]
    tasks.stream(length, ["a"], on_timeout="kill")  # type: ignore[arg-type]
    async with tasks.stream(length, ["a"]) as outcomes:
        async for outcome in outcomes:
            assert_type(outcome, Outcome[int])


async def main(root: Supervisor) -> str:
    return "done"


assert_type(run(SPEC, main), str | None)
run(SPEC, count)  # type: ignore[arg-type]
run(SPEC, main, sinks=[1])  # type: ignore[list-item]
run(Account)  # type: ignore[arg-type]
open_supervisor(Account)  # type: ignore[arg-type]
background(Account)  # type: ignore[arg-type]

ActorSpec("account", Account, shutdwon=1.0)  # type: ignore[call-arg]
ActorSpec("account", Stranger, name=ACCOUNT)  # type: ignore[arg-type]
ActorSpec("account", lambda: NumberedStranger(1), name=ACCOUNT)  # type: ignore[arg-type, return-value]
ActorSpec("account", Account, name="account")  # type: ignore[arg-type]
ActorSpec("account", Account, name=ACCOUNTS)  # type: ignore[arg-type]
ActorSpec("account", Numbered)  # type: ignore[arg-type]
ActorSpec("account", Account())  # type: ignore[arg-type]
ActorSpec("account", int)  # type: ignore[arg-type]
ActorSpec("account", Account, restart="permanent")  # type: ignore[arg-type]
ActorSpec("account", Account, shutdown="5 s")  # type: ignore[arg-type]
ActorSpec("account", Account, mailbox=100)  # type: ignore[arg-type]
ActorSpec("account", Account, store="memory")  # type: ignore[arg-type]
ActorSpec("account", Account, on_error={ValueError: OnError.STOP, KeyError: OnError.RESUME})
ActorSpec("account", Account, on_error=((ValueError, OnError.STOP),))
ActorSpec("account", Account, on_error={ValueError: "stop"})  # type: ignore[dict-item]
ActorSpec("account", Account, on_error={"ValueError": OnError.STOP})  # type: ignore[dict-item]
ActorSpec("account", Account, on_error=OnError.STOP)  # type: ignore[arg-type]
TaskSpec("task", print)  # type: ignore[arg-type]
SupervisorSpec("bank", [Account])  # type: ignore[list-item]
SupervisorSpec("bank", ActorSpec("account", Account))  # type: ignore[arg-type]
SupervisorSpec("bank", strategy="one_for_one")  # type: ignore[arg-type]
SupervisorSpec("bank", intensity=(5, 10.0))  # type: ignore[arg-type]
DynamicSupervisorSpec("jobs", max_children="8")  # type: ignore[arg-type]
Mailbox(overflow="fail")  # type: ignore[arg-type]
Intensity(within="10 s")  # type: ignore[arg-type]
