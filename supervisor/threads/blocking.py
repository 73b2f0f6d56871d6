"""A tree for synchronous programs: it runs on a thread of its own, and any number of threads talk to it without await.

`with background(spec) as root: ...` is `async with open_supervisor(spec) as root: ...` for a program without a loop. The
handles have the verbs of `Supervisor` and `Ref`, with the same promises. Each call crosses into the tree's loop and waits for
what comes back, so a handler that blocks the loop delays them all, and their timeouts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from os import PathLike
from typing import Any, Generic, TypeVar, overload

from attrs import frozen

from supervisor.diagnostics import Diagnostics
from supervisor.embedding import OWN_LOOP, attended, check_loop
from supervisor.errors import ChildAlreadyStarted, NoSuchActor
from supervisor.events import Event
from supervisor.exits import ExitReason, classify, is_fatal
from supervisor.handle import ChildCount, Supervisor
from supervisor.messages import Asks
from supervisor.ref import Ref
from supervisor.restart import Phase
from supervisor.root import RootSpec, Terms, check_root
from supervisor.snapshot import TreeSnapshot
from supervisor.spec import ActorSpec, ChildSpec, Conflate, Name, Overflow
from supervisor.telemetry import Sink
from supervisor.threads.blocking_reader import BlockingReader
from supervisor.threads.bridge import Bridge
from supervisor.threads.host import Host
from supervisor.topics import Topic

__all__ = ["BlockingChildInfo", "BlockingRef", "BlockingSupervisor", "background"]

M = TypeVar("M")
M_contra = TypeVar("M_contra", contravariant=True)
R = TypeVar("R")
T = TypeVar("T")


class BlockingRef(Generic[M_contra]):
    """A handle on a place in the tree, for any thread but the tree's own. Survives restarts."""

    __slots__ = ("_bridge", "_ref")

    def __init__(self, bridge: Bridge, ref: Ref[M_contra]) -> None:
        self._bridge = bridge
        self._ref = ref

    @property
    def ref(self) -> Ref[M_contra]:
        """The same place for actors, to be put into a message. It belongs to the tree's loop: no other thread may use it."""
        return self._ref

    @property
    def path(self) -> str:
        """Where in the tree, `bank/account`."""
        return self._ref.path

    @property
    def alive(self) -> bool:
        """Whether a life is there now. Does not wait for the loop."""
        return self._ref.alive

    def tell(self, message: M_contra, expires: float | None = None) -> bool:
        """Hand over a message. Waits until the loop has taken it, never for its handling.

        Args:
            message: one that the actor accepts.
            expires: seconds after which it is no longer worth handling; None: it always is.

        Returns:
            True: accepted. False: the target is gone or full, or the whole tree is; the message became a dead letter.

        Raises:
            TypeError: the actor does not accept such a message.
        """
        try:
            return self._bridge.call(self.path, lambda: self._ref.tell(message, expires))
        except NoSuchActor:  # the loop itself has ended
            return False

    def send(self, message: M_contra) -> None:
        """Hand over a message, waiting for room in the mailbox. Raises what `Ref.send` raises."""
        self._bridge.wait_for(self.path, lambda: self._ref.send(message))

    def ask(self, request: Asks[M_contra, R], timeout: float | None = 5.0) -> R:
        """Ask and wait for the answer. Other threads are not held up.

        Args:
            request: one that the actor accepts.
            timeout: seconds on the loop's clock, queueing included; None waits as long as it takes.

        Raises:
            TypeError, MailboxFull, ActorCrashed, AskTimeout: as `Ref.ask`.
            NoSuchActor: nobody lives there, and nobody will; if the tree failed, its failure is the cause.
        """
        return self._bridge.wait_for(self.path, lambda: self._ref.ask(request, timeout))

    def stop(self, reason: ExitReason | None = None) -> ExitReason:
        """Ask the life there to stop, and wait until it is over. Returns how it ended; raises what `Ref.stop` raises."""
        return self._bridge.wait_for(self.path, lambda: self._ref.stop(reason))

    def drain(self) -> ExitReason:
        """Have the life there handle what is queued, take no more, and stop; wait until it is over. As `Ref.drain`."""
        return self._bridge.wait_for(self.path, self._ref.drain)

    def __repr__(self) -> str:
        return f"<BlockingRef {self.path}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BlockingRef) and other._ref == self._ref

    def __hash__(self) -> int:
        return hash((BlockingRef, self._ref))


@frozen
class BlockingChildInfo:
    """One child, as `BlockingSupervisor.which_children` lists it."""

    id: str
    kind: str
    phase: Phase
    incarnation: int
    ref: BlockingRef[Any]
    info: object = None
    """What its present life said besides when it was ready: `task_status.started(info)`."""


class BlockingSupervisor:
    """A running supervisor, for any thread but the tree's own. Survives its restarts.

    When the tree has ended, calls answer as they do on a stopped `Supervisor`; when the block of `background` was left, those
    that need the loop raise `NoSuchActor`. If the tree failed, its failure is the cause of every `NoSuchActor`.
    """

    def __init__(self, bridge: Bridge, handle: Supervisor) -> None:
        self._bridge = bridge
        self._handle = handle

    @property
    def path(self) -> str:
        """Where in the tree."""
        return self._handle.path

    # ---- finding

    def ref(self, name: Name[M]) -> BlockingRef[M]:
        """The ref of who has the name, as seen from this supervisor's children. Raises NoSuchActor."""
        return BlockingRef(self._bridge, self._call(lambda: self._handle.ref(name)))

    def child(self, id: str) -> BlockingRef[Any]:  # noqa: A002  # the word of the spec
        """The ref of a child. Raises ChildNotFound."""
        return BlockingRef(self._bridge, self._call(lambda: self._handle.child(id)))

    def supervisor(self, id: str) -> BlockingSupervisor:  # noqa: A002  # as above
        """The handle of a child that is a supervisor. Raises ChildNotFound."""
        return BlockingSupervisor(self._bridge, self._call(lambda: self._handle.supervisor(id)))

    def get_childspec(self, id: str) -> ChildSpec:  # noqa: A002  # as above
        """The spec of a child, as given. Raises ChildNotFound."""
        return self._call(lambda: self._handle.get_childspec(id))

    # ---- changing

    @overload
    def start_child(self, spec: ActorSpec[M]) -> BlockingRef[M]: ...
    @overload
    def start_child(self, spec: ChildSpec) -> BlockingRef[Any]: ...
    def start_child(self, spec: ChildSpec) -> BlockingRef[Any]:
        """Add a child and wait until it is started. Returns its ref; raises what `Supervisor.start_child` raises."""
        try:
            return BlockingRef(self._bridge, self._bridge.wait_for(self.path, lambda: self._handle.start_child(spec)))
        except ChildAlreadyStarted as error:
            if isinstance(error.ref, Ref):
                error.ref = BlockingRef(self._bridge, error.ref)
            raise

    def terminate_child(self, child: str | BlockingRef[Any]) -> None:
        """Stop a child, with its grace, and do not restart it. Raises what `Supervisor.terminate_child` raises."""
        self._bridge.wait_for(self.path, lambda: self._handle.terminate_child(_id_or_ref(child)))

    def restart_child(self, child: str | BlockingRef[Any]) -> BlockingRef[Any]:
        """Start a child that is stopped or parked, with a fresh budget. Raises what `Supervisor.restart_child` raises."""
        ref = self._bridge.wait_for(self.path, lambda: self._handle.restart_child(_id_or_ref(child)))
        return BlockingRef(self._bridge, ref)

    def delete_child(self, child: str | BlockingRef[Any]) -> None:
        """Forget a child that is stopped or parked. Raises what `Supervisor.delete_child` raises."""
        self._bridge.wait_for(self.path, lambda: self._handle.delete_child(_id_or_ref(child)))

    def stop(self, reason: ExitReason | None = None) -> ExitReason:
        """Stop this supervisor and all below it, in order, and wait for the end. Returns how it ended."""
        return self._bridge.wait_for(self.path, lambda: self._handle.stop(reason))

    def wait(self) -> ExitReason:
        """Return when this supervisor's present life is over, with how it ended. Raises NoSuchActor: it does not run."""
        return self._bridge.wait_for(self.path, self._handle.wait)

    # ---- looking

    def which_children(self) -> list[BlockingChildInfo]:
        """The children, in start order."""
        return [
            BlockingChildInfo(
                child.id, child.kind, child.phase, child.incarnation, BlockingRef(self._bridge, child.ref), child.info
            )
            for child in self._call(self._handle.which_children)
        ]

    def count_children(self) -> ChildCount:
        """How many children there are, and how many of them live."""
        return self._call(self._handle.count_children)

    def snapshot(self) -> TreeSnapshot:
        """Everything below this supervisor, as data."""
        return self._call(self._handle.snapshot)

    def events(self) -> BlockingReader[Event]:
        """The whole tree's events from now on, with `for`. Bounded; ends with the tree."""
        # Wrapped in there: if Ctrl-C strikes on the way back, a bare stream would be dropped, and close, in the wrong thread.
        return self._call(lambda: BlockingReader(self._bridge, self.path, self._handle.events()))

    def subscription(
        self, topic: Topic[M], *, capacity: int = 10_000, overflow: Overflow | Conflate = Overflow.DROP_OLDEST
    ) -> BlockingReader[M]:
        """What is published to the topic from now on, with `for`. Ends with the tree. Arguments as for `Supervisor`'s."""

        def subscribe() -> BlockingReader[M]:
            reader = self._handle.subscription(topic, capacity=capacity, overflow=overflow)
            return BlockingReader(self._bridge, self.path, reader)

        return self._call(subscribe)

    def publish(self, topic: Topic[M], message: M) -> int:
        """Hand a message to all who subscribe. Returns how many took it."""
        return self._call(lambda: self._handle.publish(topic, message))

    def __repr__(self) -> str:
        return f"<BlockingSupervisor {self.path}>"

    def _call(self, function: Callable[[], T]) -> T:
        return self._bridge.call(self.path, function)


def _id_or_ref(child: str | BlockingRef[Any]) -> str | Ref[Any]:
    return child.ref if isinstance(child, BlockingRef) else child


@contextmanager
def background(
    spec: RootSpec,
    *,
    backend: str = "trio",
    deadline: float | None = 9.0,
    sinks: Sequence[Sink] = (),
    diagnostics: Diagnostics = OWN_LOOP,
    backend_options: Mapping[str, Any] | None = None,
    control: str | PathLike[str] | None = None,
) -> Iterator[BlockingSupervisor]:
    """Run a tree on a thread of its own for as long as the block lasts: `with background(spec) as root: ...`.

    The block begins when every static child is started. Leaving it, by whatever way, stops the tree in order. If the tree
    fails, every call that needs it raises `NoSuchActor` from the failure, nobody waits any more, and leaving raises the
    failure, bare. A thread cannot be interrupted: a block that is busy with something else learns of it when it calls, or is
    left. An error of the block wins, and has the failure as a note, unless it is that very `NoSuchActor`, or the tree ended
    with a `KeyboardInterrupt`, a `SystemExit` or the like. A tree that ends cleanly by itself leaves the block running.

    Ctrl-C in the main thread is an error of the block, so the tree stops in order; a second one kills what is left. A program
    that wants the same for SIGTERM raises in its handler: `signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))`.

    Args:
        spec: the root.
        backend: trio or asyncio.
        deadline: seconds for an ordered stop; what runs then is killed. None: each child's own grace is all that bounds it.
        sinks: who gets the events, called in the tree's thread; by default warnings and errors go to structlog.
        diagnostics: what to look for; by default, handlers that hold the loop for more than a second.
        backend_options: for `anyio.run`, such as `{"use_uvloop": True}` with asyncio.
        control: where to make a socket for `oneforone tree`, as for `open_supervisor`.

    Raises:
        StartError: a child did not start; its error is the cause.
        RestartIntensityExceeded: the root gave up; the last child's error is the cause.
    """
    check_root(spec)
    terms = Terms(sinks, deadline, diagnostics, control)
    check_loop(backend, backend_options)
    host = Host(partial(attended, spec, terms), f"tree {spec.id}")
    errors: list[BaseException] = []
    try:
        try:
            yield BlockingSupervisor(host.bridge, host.enter(backend, dict(backend_options or {})))
        except BaseException as error:  # noqa: BLE001  # raised again below, when the tree has ended
            errors.append(error)
        host.leave(errors)
    except BaseException as error:  # noqa: BLE001  # Ctrl-C just between the lines above
        errors.append(error)
        host.leave(errors)
    failure = host.failure
    if failure is not None:
        errors = [error for error in errors if not (isinstance(error, NoSuchActor) and error.__cause__ is failure)]
        if failure not in errors:
            errors.append(failure)
    if errors:
        first = min(errors, key=lambda error: not is_fatal(classify(error)))
        for other in errors:
            if other is not first:
                first.add_note(f"another error came with it: {other!r}")
        raise first
