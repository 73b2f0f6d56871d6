"""What one unit of work costs where much else is there: many actors, a long backlog, many timers, asks, topics, subscribers.

A check does the same work at several sizes and counts operations. What is worked with comes after what is merely there, so that
a search from the front meets all of that. Time is virtual here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import anyio
from attrs import define, field

from benchmarks.framework.crashes import Bare, Boom, Course, Next
from benchmarks.framework.growth import FEW, MANY, Check, Costs, Id, Limit, Noted, idlers, noted
from benchmarks.framework.topics import TICKS, Subscriber
from benchmarks.framework.trees import Counter, Sink, Tally, Tick, handled, planted
from benchmarks.loops import Loop
from benchmarks.operations import Operations
from benchmarks.rounds import must
from supervisor import (
    Actor,
    ActorSpec,
    ChildEnded,
    ChildStarted,
    Mailbox,
    Request,
    SupervisorSpec,
    Topic,
    open_supervisor,
)

__all__ = ["CHECKS"]

LATER = 3600.0


# ---- siblings: what is told, and a restart


async def among_siblings(siblings: int, loop: Loop) -> Costs:
    """Tell one, crash another, have a third come and go, among others that have tasks. Cancellation: the tree is stopped."""
    tally, course, told, sink = Tally(), Course(), Tally(), Sink()
    specs = [
        *idlers(siblings, tally),
        ActorSpec(Id("told"), partial(Listener, told)),
        ActorSpec(Id("victim"), partial(Bare, course)),
    ]
    async with planted(specs, sink) as root:
        for number in range(siblings):
            root.child(f"idle-{number}").tell(Tick(1))
        await handled(loop, tally, siblings)
        messages, ref = noted(2 * MANY), root.child("told")
        for burst in (messages[:MANY], messages[MANY:]):  # the first one warms
            with Operations() as telling:
                for message in burst:
                    ref.tell(message)
                await handled(loop, told, told.handled + MANY)
        victim = root.child("victim")
        for count in (1, FEW):
            with Operations() as crashing:
                for _ in range(count):
                    course.done = anyio.Event()
                    victim.tell(Boom())
                    victim.tell(Next())
                    await course.done.wait()
            with Operations() as coming:
                for number in range(count):
                    one = ActorSpec(Id(f"one-more-{number}"), partial(Counter, tally))
                    await root.start_child(one)
                    await root.terminate_child(one.id)
                    await root.delete_child(one.id)
    must(told.handled, 2 * MANY, "growth: messages that were handled")
    must(len(course.times), 1 + FEW, "growth: messages after a crash")
    must(sink.seen[ChildStarted], len(specs) + 2 * (1 + FEW), "growth: lives that began")
    return {
        "tell, siblings": telling.cost(MANY),
        "restart, siblings": crashing.cost(FEW),
        "one child more, siblings": coming.cost(FEW),
    }


@define(eq=False)
class Listener(Actor[Noted]):
    """Counts messages, whatever they say."""

    tally: Tally

    def receive(self, message: Noted) -> None:
        self.tally.handled += 1


# ---- a backlog


@define(eq=False)
class Busy(Actor[Noted]):
    """Waits with the first message in hand; then handles them all, and counts what the next hundred cost."""

    begun: anyio.Event = field(factory=anyio.Event)
    gate: anyio.Event = field(factory=anyio.Event)
    counted: Operations = field(factory=Operations)
    handled: int = 0

    async def receive(self, message: Noted) -> None:
        """Count. Cancellation: cuts it."""
        self.handled += 1
        if self.handled == 1:
            self.begun.set()
            await self.gate.wait()
            self.counted.start()
        elif self.handled == MANY + 1:
            self.counted.stop()


async def behind_backlog(backlog: int, loop: Loop) -> Costs:
    """Tell an actor with a backlog, and have it handle a part. Cancellation: the tree is stopped."""
    busy, messages = Busy(), noted(backlog + 2 * MANY + 1)
    async with planted([ActorSpec(Id("busy"), lambda: busy, mailbox=Mailbox(2 * len(messages)))]) as root:
        ref = root.child("busy")
        ref.tell(messages[0])
        await busy.begun.wait()
        for message in messages[1 : backlog + 1]:
            ref.tell(message)
        with Operations() as telling:
            for message in messages[-2 * MANY : -MANY]:
                ref.tell(message)
        busy.gate.set()
        while busy.handled < len(messages) - MANY:
            await loop.pause()
    must(busy.handled, 1 + backlog + MANY, "growth: messages of the backlog")
    return {"tell, backlog": telling.cost(MANY), "handle, backlog": busy.counted.cost(MANY)}


# ---- asks


class Question(Request[int], frozen=True):
    """Compares in Python."""

    number: int

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Question) and self.number == other.number

    def __hash__(self) -> int:
        return hash(self.number)


@define(eq=False)
class Oracle(Actor[Question]):
    """Answers 0, and keeps whoever asks something else waiting."""

    kept: int = 0

    def receive(self, message: Question) -> int | None:
        if message.number == 0:
            return 42
        self.reply_later()
        self.kept += 1
        return None


async def beside_asks(pending: int, loop: Loop) -> Costs:
    """Ask, while others wait for answers of the same actor with the same timeout. Cancellation: the tree is stopped."""
    oracle, right, asking = Oracle(), 0, Operations()
    async with planted([ActorSpec(Id("oracle"), lambda: oracle)]) as root, anyio.create_task_group() as group:
        ref = root.child("oracle")
        for number in range(pending):
            group.start_soon(partial(ref.ask, Question(number + 1), timeout=LATER))
        while oracle.kept < pending:
            await loop.pause()
        right += await ref.ask(Question(0), timeout=LATER)  # the first one warms
        with asking:
            for _ in range(MANY):
                right += await ref.ask(Question(0), timeout=LATER)
        group.cancel_scope.cancel()
    must(right, 42 * (MANY + 1), "growth: answers")
    return {"ask, others ask": asking.cost(MANY)}


# ---- timers


@define(eq=False)
class Setter(Actor[Tick]):
    """Sets timers that stay, then counts what others cost that are set and cancelled."""

    pending: int
    delay: Callable[[int], float]
    counted: Operations = field(factory=Operations)
    done: anyio.Event = field(factory=anyio.Event)

    def receive(self, message: Tick) -> None:
        for number in range(self.pending):
            self.after(self.delay(number), message)
        cancelled = 0
        with self.counted:
            for number in range(2 * MANY):
                cancelled += self.after(self.delay(self.pending + number), message).cancel()
        must(cancelled, 2 * MANY, "growth: timers that were cancelled")
        self.done.set()


async def beside_timers(pending: int, loop: Loop) -> Costs:
    """Set timers and cancel them. Cancellation: the tree is stopped."""
    one, differing = Setter(pending, lambda _: LATER), Setter(pending, lambda number: LATER + number)
    for setter in (one, differing):
        async with planted([ActorSpec(Id("setter"), partial(_same, setter))]) as root:
            root.child("setter").tell(Tick(1))
            await setter.done.wait()
    return {"timer, one delay": one.counted.cost(2 * MANY), "timer, all differ": differing.counted.cost(2 * MANY)}


def _same(setter: Setter) -> Setter:
    return setter


# ---- topics


async def to_subscribers(subscribers: int, loop: Loop) -> Costs:
    """Publish, and have it handled. Cancellation: the tree is stopped."""
    tally, burst = Tally(), 5
    specs = [ActorSpec(Id(f"subscriber-{number}"), partial(Subscriber, tally)) for number in range(subscribers)]
    async with planted(specs) as root:
        taken = root.publish(TICKS, Tick(1))
        await handled(loop, tally, subscribers)
        with Operations() as publishing:
            for _ in range(burst):
                taken += root.publish(TICKS, Tick(1))
            await handled(loop, tally, taken)
    must(tally.handled, subscribers * (burst + 1), "growth: deliveries")
    return {"publish, subscribers": publishing.cost(subscribers * burst)}


async def beside_topics(others: int, loop: Loop) -> Costs:
    """Publish, while others listen to something else. Cancellation: the tree is stopped."""
    tally = Tally()
    async with planted([]) as root:
        readers = [root.subscription(Topic[Tick](Id(f"other-{number}"))) for number in range(others)]
        await root.start_child(ActorSpec(Id("subscriber"), partial(Subscriber, tally)))
        taken = root.publish(TICKS, Tick(1))
        await handled(loop, tally, taken)
        with Operations() as publishing:
            for _ in range(MANY):
                taken += root.publish(TICKS, Tick(1))
            await handled(loop, tally, taken)
        for reader in readers:
            reader.close()
    must(tally.handled, 1 + MANY, "growth: deliveries")
    return {"publish, other topics": publishing.cost(MANY)}


# ---- children


async def crowds(count: int, loop: Loop) -> Costs:
    """Start a tree, look at it, stop it. Cancellation: the tree is stopped."""
    sink = Sink()
    spec = SupervisorSpec(Id("root"), idlers(count, Tally()))
    starting, stopping = Operations(), Operations()
    starting.start()
    try:
        async with open_supervisor(spec, sinks=[sink]) as root:
            starting.stop()
            with Operations() as looking:
                seen = root.snapshot()
            stopping.start()
    finally:
        starting.stop()
        stopping.stop()
    must(sum(child.phase == "running" for child in seen.root.children), count, "growth: children that run")
    must(sink.seen[ChildStarted], count, "growth: children that were started")
    must(sink.seen[ChildEnded], count, "growth: children that ended")
    return {"start": starting.cost(count), "snapshot": looking.cost(count), "stop": stopping.cost(count)}


_WHOLE = Limit(memory=None)
"""What is held grows with the work that is done. A copy that is made for each child and dropped again is not seen here, but
where one child comes or is restarted among many."""
_REBUILT = Limit(memory=None)
"""A heap and a dictionary of delays grow: now and then they move."""

CHECKS: Sequence[Check] = (
    Check(
        (1, 100, 5000),
        among_siblings,
        {"tell, siblings": Limit(), "restart, siblings": Limit(), "one child more, siblings": Limit()},
    ),
    Check((10, 1000, 10_000), behind_backlog, {"tell, backlog": Limit(), "handle, backlog": Limit()}),
    Check((1, 1000), beside_asks, {"ask, others ask": Limit()}),
    Check((10, 10_000), beside_timers, {"timer, one delay": Limit(), "timer, all differ": _REBUILT}),
    Check((1, 100, 1000), to_subscribers, {"publish, subscribers": _WHOLE}),
    Check((1, 100, 1000), beside_topics, {"publish, other topics": Limit()}),
    Check((100, 1000), crowds, {"start": _WHOLE, "snapshot": _WHOLE, "stop": _WHOLE}),
)
