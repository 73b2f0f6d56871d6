"""Actors and tasks that do as the program says, and write down what they do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.lowlevel
from attrs import define

from supervisor import (
    Actor,
    ActorSpec,
    ChildSpec,
    DynamicSupervisorSpec,
    Failed,
    Ignore,
    Name,
    Normal,
    NoSuchActor,
    Pool,
    PoolSpec,
    Reply,
    Shutdown,
    Stop,
    StopTree,
    SupervisorError,
    SupervisorSpec,
    TaskSpec,
    Topic,
)
from supervisor.exits import ExitReason
from supervisor.place import CURRENT_PLACE
from tests.programs.lives import Interest, LifeRecord
from tests.programs.mail import Mail, News, Tick
from tests.programs.mistakes import MISTAKES, ProgramError
from tests.programs.post import Post
from tests.programs.program import ActorNode, End, Node, Run, Start, SupervisorNode, TaskNode, Word
from tests.programs.words import own, recall

__all__ = ["Scripted", "spec_of"]


def spec_of(node: Node, post: Post) -> ChildSpec:
    """The spec that a node stands for."""
    if isinstance(node, ActorNode):
        return ActorSpec(node.id, lambda: _make(node, post), **node.options)
    if isinstance(node, TaskNode):
        return TaskSpec(node.id, _Task(node, post).function(), **node.options)
    if node.dynamic:
        return DynamicSupervisorSpec(node.id, **node.options)
    if node.pool:
        return _pool(node, post)
    return SupervisorSpec(node.id, [spec_of(child, post) for child in node.children], **node.options)


def _pool(node: SupervisorNode, post: Post) -> ChildSpec:
    members: Any = node.children
    options = {("" if name in _AS_IT_IS else "member_") + name: value for name, value in members[0].options.items()}
    own_options = {name: value for name, value in node.options.items() if name != "strategy"}

    def member(number: int) -> Scripted:
        return _make(members[number], post)

    return PoolSpec(node.id, member, len(members), name=Pool(node.pool), **own_options, **options)


_AS_IT_IS = {"mailbox", "start_timeout", "watchdog"}
"""The options of a pool's members that are called as those of an actor."""


def _script(scripts: tuple[Any, ...], number: int, default: Any) -> Any:
    return scripts[number] if number < len(scripts) else default


async def stubborn(seconds: float) -> None:
    """Sleep for ever, and when cancelled, go on for a while."""
    try:
        await anyio.sleep_forever()
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(seconds)


async def _slowly_cut(seconds: float) -> None:
    """Sleep, and when cancelled, take as long again."""
    try:
        await anyio.sleep(seconds)
    except BaseException:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(seconds)
        raise


def _make(node: ActorNode, post: Post) -> Scripted:
    id = node.script or node.id
    number = post.journal.counts[id]
    post.journal.counts[id] += 1
    if _script(node.starts, number, Start()).kind == "factory":
        raise ProgramError("cannot be made")
    return Scripted(node, post, number)


@define(eq=False)
class Scripted(Actor[Any]):
    """An actor of a program."""

    node: ActorNode
    post: Post
    number: int
    life: Any = None

    # ---- begin

    async def on_start(self) -> None:
        journal = self.post.journal
        self.life = journal.born(self.context)
        with journal.running(self.life):
            start = _script(self.node.starts, self.number, Start())
            if self.node.guarded:
                self.spawn(self.run, anyio.sleep_forever)
            if start.kind in ("slow", "slow fail"):
                await anyio.sleep(start.seconds)
            if start.kind == "stubborn":
                await _slowly_cut(start.seconds)
            if start.kind in ("fail", "slow fail"):
                raise ProgramError("does not start")
            if start.kind == "ignore":
                raise Ignore
            recall(self)
            for word in self.node.first:
                self.now(word)
            self.life.starting = False

    async def run(self, function: Callable[..., Awaitable[object]], *args: Any) -> None:
        """Background work, as part of the life's record."""
        with self.post.journal.running(self.life):
            await function(*args)

    # ---- messages

    def receive(self, message: Any) -> Any:
        life, journal = self.life, self.post.journal
        with journal.running(life):
            journal.hears(life, message)
            if isinstance(message, Mail):
                if message.word.kind in _SLOW:
                    return self.slowly(message)
                return self.quickly(message)
            return None

    def quickly(self, message: Mail) -> Any:
        """Handle without waiting."""
        journal, letter = self.post.journal, message.letter
        journal.opened(self.life, letter)
        finished = False
        try:
            self.now(message.word)
            finished = True
        except (Stop, Ignore) as word:
            finished = not isinstance(word, Stop) or not isinstance(word.reason, Failed)
            raise
        finally:
            journal.closed(self.life, letter, finished=finished)
        return letter.number

    async def slowly(self, message: Mail) -> Any:
        """Handle, waiting."""
        journal, letter, word = self.post.journal, message.letter, message.word
        journal.opened(self.life, letter)
        finished = False
        try:
            with journal.running(self.life):
                await self.wait(word, letter)
            finished = True
        finally:
            journal.closed(self.life, letter, finished=finished)
        return letter.number

    async def wait(self, word: Word, letter: Any) -> None:
        sender = f"{self.life.path}#{self.life.incarnation}"
        ref = self.post.find(word.target, self.context.supervisor) if word.target else None
        match word.kind:
            case "sleep":
                await anyio.sleep(word.seconds)
            case "slow crash":
                await anyio.sleep(word.seconds)
                raise ProgramError("crashes late")
            case "slow forgiven":
                await anyio.sleep(word.seconds)
                self.now(Word("forgiven"))
            case "stubborn":
                await _slowly_cut(word.seconds)
            case "send" if ref is not None:
                with anyio.move_on_after(word.seconds):
                    await self.post.send(sender, ref, Word())
            case "ask" if ref is not None:
                await self.post.ask(sender, ref, Word("sleep", seconds=0.1), word.seconds)
            case "later" if letter.how == "ask":
                self.spawn(self.run, _answer, self.reply_later(), letter.number, word.seconds)
            case "start child":
                await self.change(word, self.start_another)
            case "terminate sibling":
                await self.change(word, self.terminate_another)
            case _:
                await anyio.lowlevel.checkpoint()

    async def change(self, word: Word, function: Callable[[], Awaitable[object]]) -> None:
        with anyio.move_on_after(word.seconds):
            try:
                await function()
            except SupervisorError:
                return

    async def start_another(self) -> None:
        self.post.journal.renew(f"{self.context.supervisor.path}/more")
        node = ActorNode("more")
        self.post.journal.add_node(self.context.supervisor.path, node)
        await self.context.supervisor.start_child(spec_of(node, self.post))

    async def terminate_another(self) -> None:
        last = self.context.supervisor.which_children()[-1].ref
        if last != self.context.ref:
            self.post.journal.touch(last.path)
            await self.context.supervisor.terminate_child(last)

    def now(self, word: Word) -> None:
        """What takes no time."""
        if word.kind in _ENDS:
            self.end(word)
        if word.kind in ("spawn", "spawn crash", "spawn stubborn"):
            function = {"spawn": anyio.sleep, "spawn crash": _crash, "spawn stubborn": stubborn}[word.kind]
            self.spawn(self.run, function, word.seconds)
        ref = self.post.find(word.target, self.context.supervisor) if "/" in word.target else None
        match word.kind:
            case "after" | "every":
                self.set_timer(word)
            case "cancel timers":
                for timer in list(self.context.timers.values()):
                    timer.cancel()
                    self.life.cancelled_ticks.add(timer.message.number)
                self.life.quiet_until = None
            case "tell" if ref is not None:
                self.post.tell(f"{self.life.path}#{self.life.incarnation}", ref, Word())
            case "monitor" | "watch" if ref is not None:
                self.take_interest(word.kind, ref)
            case "unwatch" if ref is not None and ref._place in self.life.interests:
                interest = self.life.interests[ref._place]
                interest.handle.cancel()
                interest.cancelled = True
            case "subscribe":
                self.subscribe(Topic(word.target))
            case "unsubscribe":
                self.unsubscribe(Topic(word.target))
            case "publish":
                self.publish(Topic(word.target), News(word.target))
            case "lookup":
                try:
                    self.lookup(Name(word.target))
                except NoSuchActor:
                    return
            case _:
                own(self, word, ref)

    def end(self, word: Word) -> None:
        """End this life from inside."""
        if word.kind == "crash":
            raise ProgramError("crashes")
        if word.kind == "ignore":
            raise Ignore
        if word.kind == "stop tree":
            raise StopTree(self.post.journal.fates.request_stop(self.life))
        if word.kind in MISTAKES:
            error = MISTAKES[word.kind]("as its rules foresee, or not")
            self.post.journal.fates.raises(self.life, self.node, error)
            raise error
        raise Stop((Normal(), Shutdown("its own"), Failed(ProgramError("stops")))[len(self.post.journal.letters) % 3])

    def set_timer(self, word: Word) -> None:
        self.post.journal.timers += 1
        number = self.post.journal.timers
        key = word.target if word.target != "z" else None
        replaced = self.context.timers.get(key) if key is not None else None
        if replaced is not None:
            self.life.cancelled_ticks.add(replaced.message.number)
        tick = Tick(self.life.incarnation, number, word.kind == "every")
        if word.kind == "after":
            self.after(word.seconds, tick, key)
        else:
            self.every(2 + word.seconds, tick, key)

    def take_interest(self, kind: str, ref: Any) -> None:
        place = ref._place
        if place in self.life.interests:
            return
        there = place.life.incarnation if place.life is not None else 0
        journal = self.post.journal
        interest = Interest(None, place, kind == "watch", there, len(journal.ends[ref.path]))
        self.life.interests[place] = interest
        interest.handle = self.watch(ref) if kind == "watch" else self.monitor(ref)

    # ---- end

    async def on_stop(self, reason: ExitReason) -> None:
        self.post.journal.stops(self.life, reason)
        with self.post.journal.running(self.life):
            end: End = _script(self.node.ends, self.number, End())
            if end.kind == "slow":
                await anyio.sleep(end.seconds)
            elif end.kind == "stubborn":
                await _slowly_cut(end.seconds)
            elif end.kind == "fail":
                raise ProgramError("does not stop well")


_ENDS = {"crash", "stop", "ignore", "stop tree", *MISTAKES}
_SLOW = {"sleep", "slow crash", "slow forgiven", "stubborn", "send", "ask", "later", "start child", "terminate sibling"}


async def _crash(seconds: float) -> None:
    await anyio.sleep(seconds)
    raise ProgramError("crashes beside")


async def _answer(reply: Reply[Any], number: int, seconds: float) -> None:
    await anyio.sleep(seconds)
    reply.give(number)


class _Context:
    """What a task's record has for a context: it has none of its own."""

    def __init__(self, path: str, incarnation: int) -> None:
        self.path = path
        self.incarnation = incarnation


class _Task:
    """The function of a task of a program."""

    def __init__(self, node: TaskNode, post: Post) -> None:
        self.node = node
        self.post = post

    def function(self) -> Callable[..., Awaitable[object]]:
        return self.run_and_say if self.node.says_ready else self.run

    async def run_and_say(self, *, task_status: Any) -> None:
        run, life = self.begin()
        with self.post.journal.running(life):
            await anyio.sleep(run.ready_after)
            life.starting = False
            task_status.started()
            await self.work(run)

    async def run(self) -> None:
        run, life = self.begin()
        life.starting = False
        with self.post.journal.running(life):
            await self.work(run)

    def begin(self) -> tuple[Run, LifeRecord]:
        journal, place = self.post.journal, CURRENT_PLACE.get()
        assert place is not None
        assert place.life is not None
        number = journal.counts[self.node.id]
        journal.counts[self.node.id] += 1
        return _script(self.node.runs, number, Run()), journal.born(_Context(place.path, place.life.incarnation))

    async def work(self, run: Run) -> None:
        match run.kind:
            case "forever":
                await anyio.sleep_forever()
            case "return":
                await anyio.sleep(run.seconds)
            case "fail":
                await anyio.sleep(run.seconds)
                raise ProgramError("the task fails")
            case "parked" | "escalated":
                await anyio.sleep(run.seconds)
                raise MISTAKES[run.kind]("the task fails by the rules")
            case "stubborn":
                await stubborn(run.seconds)
