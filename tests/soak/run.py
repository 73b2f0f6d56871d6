"""The soak itself: an exchange in a process of its own, a bot in this one, and faults on their way between them."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from statistics import median

import anyio
from attrs import define, field, frozen
from msgspec.structs import replace

from actors.bot_tree import bot_tree
from actors.errors import ConnectFailed
from actors.exchange_tree import TreeOptions, exchange_tree
from actors.exchanges.binance import Binance
from actors.exchanges.binance.exchange import LIMITS
from actors.fault_tolerance import FaultTolerance
from actors.feeds import feed_topic
from actors.market import Feed, Subscription
from actors.protocol import CONNECTIONS, FALLBACKS, EndpointStates, FallbackKind, FallbackMoved
from actors.simulator.config import SimulatorConfig, Started
from actors.simulator.control import Control
from actors.simulator.faults import Latency, Resume
from actors.simulator.process import running_simulator
from supervisor import ActorSpec, Mailbox, Supervisor, SupervisorError, open_supervisor
from tests.soak.ledger import Ledger
from tests.soak.plan import Kind, Plan, Step
from tests.soak.verdict import Counts
from tests.soak.watch import Consumer, Sample, TreeWatch, look

__all__ = ["FEEDS", "SoakConfig", "soak"]

FEEDS = (Feed.TRADES, Feed.QUOTES, Feed.BOOK, Feed.AGGREGATES, Feed.MINI_TICKER)
ENDPOINTS = 3
FASTER = 10.0
"""A fault every second costs more connections and requests than an exchange allows: here its 300 attempts are for 30 s, not for
300 s, and its REST weight is 60,000 a minute."""
THINNING = (FallbackKind.RATE, FallbackKind.PARTIAL)
"""Fallbacks with which a bot does with fewer connections or subscriptions: after a ban, where its machine is too slow, where
polling takes too long. They are held off, for what is soaked has to stay."""
DEPTH = 100
"""Levels of a snapshot: with 5000, one costs so much weight that 200 books would take minutes to begin."""
INSTRUMENTS_PER_CONSUMER = 20
MANY = 500
"""Messages in one mailbox that are worth a word."""
BEGUN_WITHIN = 120.0
"""Seconds within which everything delivers before the first fault."""
SETTLED_WITHIN = 30.0
"""Seconds after everything delivers again within which no connection is left that is not needed."""


@frozen(kw_only=True)
class SoakConfig:
    """What to do. Times in seconds."""

    connections: int = 200
    seconds: float = 600.0
    seed: int = 0
    speed: float = 0.05
    """Market seconds per second."""
    every: float = 1.0
    """From one fault to the next."""
    decks: int | None = None
    """It ends with so many decks of the plan, should they be played sooner; None: it has no end."""
    first_outage: int = 1
    """The deck of the plan that has the first outage."""
    look_every: float = 5.0
    back_within: float = 60.0
    """Every subscription must have delivered something new so long after the end of the faults."""
    options: TreeOptions = field(factory=TreeOptions)
    thins: bool = False
    """The bot may merge connections and give up subscriptions. Then fewer are left than are to be soaked."""

    @property
    def simulator(self) -> SimulatorConfig:
        """The exchange."""
        symbols = tuple(f"C{number:03}/USDT" for number in range(self.connections))
        return SimulatorConfig(
            symbols=symbols,
            seed=self.seed,
            speed=self.speed,
            endpoints=ENDPOINTS,
            attempt_limit=LIMITS.attempts,
            attempt_window=LIMITS.attempts_within / FASTER,
            weight_limit=int(LIMITS.weight * FASTER),
        )


class NotBegun(RuntimeError):
    """Something does not deliver although no fault was injected yet."""


@define(eq=False)
class Soak:
    """One run.

    Args:
        config: what to do.
        started: the exchange.
        ledgers: what consumers are given.
        tree: what the tree says of itself.
        say: is told, from time to time, how things are.
    """

    config: SoakConfig
    started: Started
    ledgers: dict[Subscription, Ledger]
    tree: TreeWatch
    say: Callable[[str], object]
    control: Control = field(init=False)
    samples: list[Sample] = field(init=False, factory=list)
    faults: Counter[str] = field(init=False, factory=Counter)
    fallbacks: Counter[str] = field(init=False, factory=Counter)
    _began: float = field(init=False, default=0.0)

    def __attrs_post_init__(self) -> None:
        self.control = Control(self.started.control_url)

    async def run(self, root: Supervisor) -> Counts:
        """Begin, hurt, heal, count. Cancellation: may have happened."""
        for fallback in () if self.config.thins else THINNING:
            await FaultTolerance(root).trigger_fallback(fallback, on=False)
        if not await self._alive(since=-1.0, within=BEGUN_WITHIN):
            raise NotBegun(
                f"without any fault, {len(self._dead(-1.0))} subscriptions deliver nothing within {BEGUN_WITHIN:g} s"
            )
        gc.collect()
        self._began = anyio.current_time()
        self.say(f"everything delivers; {self.config.seconds:g} s of faults begin")
        async with anyio.create_task_group() as group:
            group.start_soon(self._hear, root)
            group.start_soon(self._sample, root)
            with anyio.move_on_after(self.config.seconds):
                await self._hurt()
            group.cancel_scope.cancel()
        return await self._conclude()

    async def _hurt(self) -> None:
        """Fault after fault, to the end of the last deck if there is one. Cancellation: may have happened."""
        decks = 0
        natives = [symbol.replace("/", "") for symbol in self.started.symbols]
        for step in self._plan(natives).steps():
            await anyio.sleep_until(self._began + step.at)
            await self._inject(step)
            decks += step.kind is Kind.END and Resume() in step.commands
            if decks == self.config.decks:
                return

    def _plan(self, natives: list[str]) -> Plan:
        config = self.config
        return Plan(natives, ENDPOINTS, config.seed, config.every, config.first_outage)

    async def _inject(self, step: Step) -> None:
        """Cancellation: may have happened."""
        for command in step.commands:
            try:
                await self.control.inject(command)
            except ConnectFailed as error:  # both sides share a machine, and it may be busy
                self.say(f"{step.kind.value} could not be injected: {error}")
                return
        if step.kind is not Kind.END:
            self.faults[step.kind.value] += 1

    async def _heal(self) -> None:
        """Cancellation: may have happened."""
        await self.control.resume()
        await self.control.accept()
        await self.control.inject(Latency(delay=0.0))

    async def _conclude(self) -> Counts:
        """End the faults, wait until all is well, and count. Cancellation: may have happened."""
        seconds = anyio.current_time() - self._began
        await self._heal()
        healed = anyio.current_time()
        well = await self._alive(since=healed, within=self.config.back_within)
        back_within = anyio.current_time() - healed if well else None
        dead = self._dead(healed)
        self.say("all is back" if well else f"{len(dead)} subscriptions are not back")
        with anyio.move_on_after(SETTLED_WITHIN):
            while len((await self.control.status()).connections) != self.config.connections:
                await anyio.sleep(0.5)
        counts = await self._count(seconds)
        return replace(counts, dead=dead, back_within=back_within)

    async def _count(self, seconds: float) -> Counts:
        """Cancellation: atomic."""
        status, ledgers, limits = await self.control.status(), self.ledgers.values(), self.config.simulator
        tree = self.tree
        numbered = [ledger for ledger in ledgers if ledger.feed in (Feed.TRADES, Feed.AGGREGATES)]
        return Counts(
            connections=self.config.connections,
            subscriptions=len(self.ledgers),
            seconds=seconds,
            faults=dict(self.faults),
            samples=self.samples,
            attempts_window=limits.attempt_window,
            attempts_limit=limits.attempt_limit,
            events=sum(ledger.events for ledger in ledgers),
            comparable=sum(ledger.events for ledger in numbered),
            missing=sum(ledger.missing for ledger in ledgers),
            duplicates=sum(ledger.duplicates for ledger in ledgers),
            out_of_place=sum(ledger.out_of_place for ledger in ledgers),
            gaps=sum(ledger.gaps for ledger in ledgers),
            lost=sum(ledger.lost for ledger in ledgers),
            fills=sum(ledger.fills for ledger in ledgers),
            polled=sum(ledger.polled for ledger in ledgers),
            stale=sum(ledger.stale for ledger in ledgers),
            rejections=sum(ledger.rejections for ledger in ledgers),
            examples=[f"{wanted}: {one}" for wanted, ledger in self.ledgers.items() for one in ledger.examples][:50],
            outages=sorted(outage for ledger in ledgers for outage in ledger.outages),
            open_at_end=len(status.connections),
            served_at_end=sum(bool(one.subscriptions) for one in status.connections),
            restarts=tree.restarts.total(),
            restarted=dict(tree.reasons.most_common(10)),
            gave_up=tree.gave_up,
            overflows=dict(tree.overflows),
            slowest=self._slowest(),
            violations=status.totals.violations,
            slow_consumers=status.totals.slow_consumers,
            attempts_refused=status.totals.attempts_refused,
            fallbacks=dict(self.fallbacks),
        )

    def _slowest(self) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        for feed in FEEDS:
            of_feed = sorted(outage for ledger in self.ledgers.values() if ledger.feed is feed for outage in ledger.outages)
            if of_feed:
                found[feed.value] = [len(of_feed), median(of_feed), of_feed[-1]]
        return found

    # ---- looking

    async def _alive(self, *, since: float, within: float) -> bool:
        """Wait until every subscription has delivered after this time. Cancellation: atomic."""
        with anyio.move_on_after(within):
            while self._dead(since):
                await anyio.sleep(0.1)
        return not self._dead(since)

    def _dead(self, since: float) -> list[str]:
        return [f"{wanted} ({ledger.reason})" for wanted, ledger in self.ledgers.items() if not ledger.alive(since)]

    async def _sample(self, root: Supervisor) -> None:
        """Look at everything, again and again. Cancellation: atomic."""
        while True:
            try:
                status = await self.control.status()
            except ConnectFailed as error:
                self.say(f"the exchange does not say how it is: {error}")
                await anyio.sleep(self.config.look_every)
                continue
            rss, objects, tasks, sockets, cpu = look()
            backlog, fullest = max((child.mailbox or 0, child.path) for _, child in root.snapshot().flat())
            sample = Sample(
                at=anyio.current_time() - self._began,
                rss=rss,
                objects=objects,
                tasks=tasks,
                sockets=sockets,
                events=sum(ledger.events for ledger in self.ledgers.values()),
                down=sum(ledger.down_since is not None for ledger in self.ledgers.values()),
                restarts=self.tree.restarts.total(),
                open=len(status.connections),
                accepted=status.totals.connections,
                cpu=cpu,
                backlog=backlog,
            )
            self.samples.append(sample)
            self.say(f"{_line(sample)}  {f'{backlog} wait for {fullest}  ' if backlog > MANY else ''}{await _shut(root)}")
            await anyio.sleep(self.config.look_every)

    async def _hear(self, root: Supervisor) -> None:
        """Which fallbacks are put in force. Cancellation: atomic."""
        in_force: set[tuple[str, str]] = set()  # said again every few seconds: counted once
        async for moved in root.subscription(FALLBACKS):
            if isinstance(moved, FallbackMoved):
                which = (moved.kind.value, moved.scope)
                if moved.on and which not in in_force:
                    self.fallbacks[moved.kind.value] += 1
                (in_force.add if moved.on else in_force.discard)(which)


async def _shut(root: Supervisor) -> str:
    """Which endpoints are not used now, and for how long. Cancellation: atomic."""
    try:
        states = await root.supervisor("binance").ref(CONNECTIONS).ask(EndpointStates(), timeout=5.0)
    except SupervisorError as error:
        return str(error)
    shut = [
        f"{name} {one['breaker']} {one['retry_in'] or 0:.0f} s"
        for name, one in states.items()
        if one.get("breaker", "closed") != "closed"
    ]
    banned = [f"banned {one['banned_for']:.0f} s" for name, one in states.items() if one.get("banned_for")]
    return ", ".join([*shut, *banned])


def _line(sample: Sample) -> str:
    return (
        f"{sample.at:5.0f} s  {sample.rss:6.1f} MiB  {sample.objects:7,} objects  {sample.tasks:4} tasks  "
        f"{sample.sockets:4} sockets  {sample.events:9,} events  {sample.down:4} down  {sample.restarts} restarts  "
        f"{sample.open:4} open  {sample.accepted:5} accepted  {sample.cpu:5.0f} s CPU"
    )


@asynccontextmanager
async def _bot(
    config: SoakConfig, started: Started, ledgers: dict[Subscription, Ledger], watch: TreeWatch
) -> AsyncIterator[Supervisor]:
    """The bot and its consumers. Cancellation: the tree is stopped in order."""
    limits = replace(LIMITS, attempts_within=LIMITS.attempts_within / FASTER, weight=int(LIMITS.weight * FASTER))
    exchange = Binance.at(stream_urls=started.stream_urls, rest_urls=started.rest_urls, depth_limit=DEPTH, limits=limits)
    for symbol in started.symbols:
        instrument = exchange.instrument(symbol)
        ledgers |= {Subscription(instrument, feed): Ledger(feed) for feed in FEEDS}
    wanted, share = list(ledgers), INSTRUMENTS_PER_CONSUMER * len(FEEDS)
    consumers = [
        ActorSpec(
            f"consumer {number}",
            partial(Consumer, {one: ledgers[one] for one in wanted[start : start + share]}),
            mailbox=Mailbox(100_000),
        )
        for number, start in enumerate(range(0, len(wanted), share), 1)
    ]
    tree = exchange_tree(exchange, [feed_topic(one) for one in wanted], options=config.options)
    async with open_supervisor(bot_tree(tree, beside=consumers), sinks=[watch.sink], deadline=20.0) as root:
        yield root


async def soak(config: SoakConfig, say: Callable[[str], object] = print) -> Counts:
    """Run it.

    Args:
        config: what to do.
        say: is told how things are.

    Returns:
        All that was counted.

    Raises:
        NotBegun: not everything delivers before the first fault.
        SimulatorError: the exchange cannot start.

    Cancellation: bot and exchange are ended.
    """
    ledgers: dict[Subscription, Ledger] = {}
    watch = TreeWatch()
    async with (
        running_simulator(config.simulator, start_timeout=60.0) as started,
        _bot(config, started, ledgers, watch) as root,
    ):
        return await Soak(config, started, ledgers, watch, say).run(root)
