"""Pools: a fixed number of identical actors, and which of them has which key. Elixir's `PartitionSupervisor`.

A `PoolSpec` is a `SupervisorSpec` whose children are made of one factory, so a tree with pools is started, listed, drawn and
stopped as any other. Members restart alone; a key keeps its member across restarts.

A whole number belongs to the member abs(number) % n. Any other key is encoded as msgpack, in a fixed order, and hashed with
BLAKE2b to 64 bits, modulo n: the same in every process and on every machine. Resizing changes n, and so where most keys belong.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import anyio
import msgspec
from attrs import Attribute, Factory, define, field, frozen

from supervisor.backoff import Backoff, is_count
from supervisor.errors import ChildRestarting, ChildRunning, PoolEmpty, SpecError
from supervisor.policies import Rules, rules
from supervisor.ref import Ref
from supervisor.spec import ActorSpec, ChildSpec, Kill, Mailbox, Restart, Strategy, SupervisorSpec

if TYPE_CHECKING:
    from supervisor.actor import Actor
    from supervisor.branch import Branch

__all__ = ["Pool", "PoolHandle", "PoolSpec", "PoolState", "position_of"]

M = TypeVar("M")
M_contra = TypeVar("M_contra", contravariant=True)

_ENCODER = msgspec.msgpack.Encoder(order="deterministic")


def position_of(key: object, size: int) -> int:
    """Which of `size` members has the key.

    Raises:
        TypeError: a key that cannot be encoded, so that no hash of it would be the same everywhere.
    """
    if isinstance(key, int) and not isinstance(key, bool):
        return abs(key) % size
    try:
        encoded = _ENCODER.encode(key)
    except (TypeError, ValueError, OverflowError) as error:
        kind = type(key).__name__
        raise TypeError(
            f"a pool got the key {key!r}, a {kind}; expected a number, a text, a tuple of them, or a Struct"
        ) from error
    return int.from_bytes(blake2b(encoded, digest_size=8).digest(), "big") % size


def _pool_key(_: object, __: Attribute[str], value: object) -> None:
    if not isinstance(value, str) or not value or "/" in value:
        raise SpecError("Pool.key", value, "a text that is not empty, without '/'")


@frozen
class Pool(Generic[M_contra]):
    """A typed name of a pool: `WORKERS: Pool[Job] = Pool("workers")`. No pool has the name of an actor in the same scope."""

    key: str = field(validator=_pool_key)

    def __str__(self) -> str:
        return self.key


def _pool_name(_: object, __: Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, Pool):
        raise SpecError("PoolSpec.name", value, "a Pool, such as Pool('workers'), or None")


def _start(_: object, __: Attribute[Any], value: object) -> None:
    if not callable(value):
        raise SpecError("PoolSpec.start", value, "something to call with a member's number, such as Worker")


def _size(_: object, __: Attribute[int], value: object) -> None:
    if not is_count(value, 1):
        raise SpecError("PoolSpec.size", value, "a whole number from 1")


def _member_restart(_: object, __: Attribute[Restart], value: object) -> None:
    if value is Restart.TEMPORARY:
        expected = "Restart.PERMANENT or Restart.TRANSIENT: a member that is forgotten would leave its keys with nobody"
        raise SpecError("PoolSpec.member_restart", value, expected)


def _members(spec: PoolSpec[Any]) -> tuple[ChildSpec, ...]:
    return tuple(
        ActorSpec(
            str(number),
            partial(spec.start, number),
            restart=spec.member_restart,
            shutdown=spec.member_shutdown,
            backoff=spec.member_backoff,
            on_error=spec.member_on_error,
            mailbox=spec.mailbox,
            start_timeout=spec.start_timeout,
            watchdog=spec.watchdog,
        )
        for number in range(spec.size)
    )


@frozen
class PoolSpec(SupervisorSpec, Generic[M]):
    """A supervisor of `size` identical actors: `PoolSpec("workers", Worker, 4, name=WORKERS)`.

    `start` is called with the member's number, from 0. `restart`, `shutdown`, `backoff`, `intensity` and `store` mean what they
    mean for every supervisor; what begins with `member_`, and `mailbox`, `start_timeout` and `watchdog`, is each member's.
    """

    # These two are no longer anybody's choice. Left out of comparison: made of partials, which equal only themselves.
    children: tuple[ChildSpec, ...] = field(  # pyright: ignore[reportIncompatibleVariableOverride]  # the base has a converter
        init=False, default=(), eq=False, repr=False
    )
    strategy: Strategy = field(init=False, default=Strategy.ONE_FOR_ONE, repr=False)
    start: Callable[[int], Actor[M]] = field(validator=_start)
    size: int = field(validator=_size)
    name: Pool[M] | None = field(default=None, validator=_pool_name, kw_only=True)
    """How it is found: `root.pool(WORKERS)`."""
    mailbox: Mailbox = field(default=Mailbox(), kw_only=True)
    start_timeout: float = field(default=30.0, kw_only=True)
    watchdog: float | None = field(default=None, kw_only=True)
    member_restart: Restart = field(default=Restart.PERMANENT, validator=_member_restart, kw_only=True)
    member_shutdown: float | Kill = field(default=5.0, kw_only=True)
    member_backoff: Backoff | None = field(default=None, kw_only=True)
    member_on_error: Rules = field(default=(), converter=rules, kw_only=True)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "children", _members(self))
        SupervisorSpec.__attrs_post_init__(self)


@define(eq=False)
class PoolState:
    """How many members of a running pool have keys. Kept with the pool's place in the tree."""

    limit: int
    """How many it can have."""
    size: int = field(default=Factory(lambda self: self.limit, takes_self=True))
    resizing: anyio.Lock = field(factory=anyio.Lock)
    """Two resizes at once would undo each other's half."""

    def renew(self) -> None:
        """The pool starts anew, with all its members."""
        self.size = self.limit


class PoolHandle(Generic[M_contra]):
    """A running pool. Survives its restarts, as a ref does.

    Args:
        branch: the pool's place in the tree.
    """

    def __init__(self, branch: Branch) -> None:
        self._branch = branch

    @property
    def path(self) -> str:
        """Where in the tree."""
        return self._branch.place.path

    @property
    def size(self) -> int:
        """How many members have keys now."""
        return self._pool.size

    def member(self, key: object) -> Ref[M_contra]:
        """Who has the key.

        Args:
            key: a whole number, or anything that msgspec encodes: a text, a tuple, a Struct.

        Raises:
            PoolEmpty: it was resized to none.
            TypeError: no hash of such a key is the same everywhere.
        """
        if not self.size:
            raise PoolEmpty(self.path, self._limit)
        return self._ref(position_of(key, self.size))

    def members(self) -> list[Ref[M_contra]]:
        """All members that have keys, by number."""
        return [self._ref(number) for number in range(self.size)]

    async def resize(self, size: int) -> None:
        """Change how many members have keys. From then on most keys belong to other members than before.

        Members past the size are stopped, the last first, each within its grace, and what they have queued becomes dead
        letters; their specs stay. A pool that restarts, with its supervisor, has its first size again.

        Args:
            size: from 0 to the size of the spec.

        Raises:
            ValueError: not such a number.
            AskedSelf: a member that would wait for its own end.
            Unstopped: a member was killed and still runs.
            StartError: a member did not start; those before it did.

        Cancellation: may have happened, for some of the members; `size` says for how many.
        """
        if not is_count(size, 0) or size > self._limit:
            raise ValueError(
                f"the pool {self.path} is to be resized to {size!r}; expected a whole number from 0 to {self._limit}"
            )
        handle = self._branch.handle
        async with self._pool.resizing:
            for number in range(self.size - 1, size - 1, -1):
                self._ref(number)._refuse_below()
            while self.size > size:
                self._pool.size -= 1  # first, so that nobody is sent to who is about to stop
                await handle.terminate_child(str(self.size))
            while self.size < size:
                with suppress(ChildRunning, ChildRestarting):  # somebody started it by hand
                    await handle.restart_child(str(self.size))
                self._pool.size += 1

    @property
    def _pool(self) -> PoolState:
        assert self._branch.pool is not None  # noqa: S101  # nobody makes a handle of anything else
        return self._branch.pool

    @property
    def _limit(self) -> int:
        return self._pool.limit

    def _ref(self, number: int) -> Ref[M_contra]:
        return self._branch.handle.child(str(number))

    def __repr__(self) -> str:
        return f"<PoolHandle {self.path}, {self.size} of {self._limit}>"
