"""What a place remembers from process to process, and the state that would kill every one of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from supervisor import (
    Actor,
    ActorSpec,
    BadState,
    HookFailed,
    Intensity,
    MemoryStore,
    Restart,
    SqliteStore,
    StartError,
    StateDiscarded,
    StateRestored,
    StoreCorrupt,
    StoreFailed,
    StoreFailing,
    StoreInUse,
)
from supervisor.testing import await_restart, crash, kill
from tests.semantics.actors import LOOSE, STRICT, BoomError, Do, Journal, actor, many, opened, settle, tree

pytestmark = pytest.mark.anyio


class Position(msgspec.Struct):
    amount: int
    notes: list[str] = []


class Order(msgspec.Struct):
    id: str


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "state.sqlite")


def remember(value: object, key: str = "") -> Do:
    return Do(lambda me: me.remember(value, key))


def recall(kind: type, key: str = "") -> Do:
    return Do(lambda me: me.recall(kind, key))


# ---- over a whole process


async def test_what_was_remembered_is_recalled_by_a_later_tree(store: SqliteStore, tmp_path: Path) -> None:
    async with opened(tree(actor(Journal(), "a"), store=store)) as root:
        await root.child("a").ask(remember(Position(3, ["x"])))
        await root.child("a").ask(remember(Position(4), "y"))
    async with opened(tree(actor(Journal(), "a"), actor(Journal(), "b"), store=SqliteStore(tmp_path / "state.sqlite"))) as root:
        assert await root.child("a").ask(recall(Position)) == Position(3, ["x"])
        assert await root.child("a").ask(Do(lambda me: me.recall_all(Position))) == {"": Position(3, ["x"]), "y": Position(4)}
        assert await root.child("a").ask(recall(Order)) is None
        assert await root.child("b").ask(recall(Position)) is None


async def test_what_was_forgotten_is_not_recalled_by_a_later_tree(store: SqliteStore) -> None:
    for expected in (None, Position(2)):
        async with opened(tree(actor(Journal(), "a", store=store))) as root:
            ref = root.child("a")
            assert await ref.ask(recall(Position, "kept")) == expected
            assert await ref.ask(recall(Position, "gone")) is None
            await ref.ask(remember(Position(1), "gone"))
            await ref.ask(remember(Position(2), "kept"))
            await ref.ask(Do(lambda me: me.flush()))
            await ref.ask(Do(lambda me: me.forget("gone")))


async def test_an_ask_that_flushes_takes_no_virtual_time(store: SqliteStore) -> None:
    async with opened(tree(actor(Journal(), "a"), store=store)) as root:
        began = anyio.current_time()
        for number in range(20):
            await root.child("a").ask(remember(Position(number)))
            await root.child("a").ask(Do(lambda me: me.flush()), timeout=0.01)
        assert anyio.current_time() == began


async def test_state_survives_a_restart_in_a_durable_store_too(store: SqliteStore) -> None:
    async with opened(tree(actor(Journal(), "a"), store=store)) as root:
        ref = root.child("a")
        await ref.ask(remember(Position(1)))
        crash(ref)
        await await_restart(ref)
        assert await ref.ask(recall(Position)) == Position(1)


class Wider(msgspec.Struct, frozen=True):
    """What `Position` became."""

    amount: str
    notes: list[str]


async def test_state_that_no_longer_fits_its_type_is_refused_by_type_key_and_place(store: SqliteStore) -> None:
    Wider.__qualname__, Wider.__module__ = Position.__qualname__, Position.__module__
    for spec in (tree(actor(Journal(), "a"), store=store),):
        async with opened(spec) as root:
            await root.child("a").ask(remember(Position(1), "BTC"))
        async with opened(spec) as root:
            with pytest.raises(Exception, match="ended before") as caught:
                await root.child("a").ask(recall(Wider, "BTC"))
    error = caught.value.__cause__
    assert isinstance(error, BadState)
    assert (error.path, error.kind, error.key) == ("root/a", Wider, "BTC")
    assert "Expected `str`, got `int` - at `$.amount`" in str(error)


async def test_bytes_that_are_no_message_at_all_are_refused_in_the_same_words() -> None:
    store = MemoryStore()
    store.put("root/a", f"{Position.__module__}.Position\x00", b"\xc1")
    async with opened(tree(actor(Journal(), "a"), store=store)) as root:
        for wanted in (recall(Position), Do(lambda me: me.recall_all(Position))):
            with pytest.raises(Exception, match="BadState") as caught:
                await root.child("a").ask(wanted)
            assert isinstance(caught.value.__cause__, BadState)
            await settle()


# ---- who opens and closes


class Watched(MemoryStore):
    """A durable store that writes down what is done with it."""

    def __init__(self, lines: list[str], name: str = "store", fail: str = "") -> None:
        super().__init__()
        self.lines, self.name, self.fail, self.report = lines, name, fail, None

    def open(self, report: Any) -> None:
        self.lines.append(f"open {self.name}")
        self.report = report
        if self.fail == "open":
            raise StoreFailed(self.name, "is broken", "repair it")

    async def close(self) -> None:
        self.lines.append(f"close {self.name}")
        if self.fail == "close":
            raise StoreFailed(self.name, "is broken", "repair it")


async def test_a_store_named_twice_is_opened_once_before_the_first_life_and_closed_after_the_last() -> None:
    journal = Journal()
    store = Watched(journal.lines)
    inner = tree(actor(journal, "b", store=store), id="in", store=store)
    async with opened(tree(actor(journal, "a"), inner, store=store)):
        journal("body")
    assert journal.lines == ["open store", "+a", "+b", "body", "-b", "-a", "close store"]


async def test_stores_are_closed_in_reverse_order_also_if_one_fails_to() -> None:
    lines: list[str] = []
    journal = Journal()
    one, two = Watched(lines, "one"), Watched(lines, "two", "close")
    with pytest.raises(StoreFailed, match="the store two is broken; repair it"):
        async with opened(tree(actor(journal, "a", store=two), store=one)):
            pass
    assert lines == ["open one", "open two", "close two", "close one"]


async def test_nothing_is_started_if_a_store_cannot_be_opened() -> None:
    lines: list[str] = []
    journal = Journal()
    one, two = Watched(lines, "one"), Watched(lines, "two", "open")
    with pytest.raises(StoreFailed, match="the store two is broken"):
        async with opened(tree(actor(journal, "a", store=two), store=one), journal):
            pytest.fail("it began")
    assert (lines, journal.lines, journal.events) == (["open one", "open two", "close one"], [], [])


@pytest.mark.parametrize("end", ["body", "tree", "start", "cancel"])
async def test_a_store_is_closed_however_the_tree_ends(end: str) -> None:
    journal = Journal()
    store = Watched(journal.lines)
    if end == "start":
        journal.fail_start["a"] = BoomError()
    try:
        with anyio.CancelScope() as scope:
            async with opened(tree(actor(journal, "a"), store=store, intensity=STRICT)) as root:
                if end == "cancel":
                    scope.cancel()
                    await anyio.sleep(1.0)
                if end == "tree":
                    crash(root.child("a"))
                    await anyio.sleep(1.0)
                raise BoomError
    except Exception:
        assert end != "cancel"
    assert journal.lines[-1] == "close store"


async def test_an_error_of_the_body_wins_over_that_of_a_store() -> None:
    with pytest.raises(BoomError) as caught:
        async with opened(tree(actor(Journal(), "a"), store=Watched([], "one", "close"))):
            raise BoomError
    assert "the store one is broken" in caught.value.__notes__[0]


async def test_the_store_of_a_child_that_comes_at_run_time_is_opened_before_it_and_closed_with_the_tree() -> None:
    journal = Journal()
    store = Watched(journal.lines)
    async with opened(many()) as root:
        for _ in range(2):
            ref = await root.start_child(actor(journal, "a", store=store, restart=Restart.TEMPORARY))
            await root.terminate_child(ref)
    assert journal.lines == ["open store", "+a", "-a", "+a", "-a", "close store"]


async def test_a_child_whose_store_cannot_be_opened_does_not_start() -> None:
    async with opened(tree()) as root:
        with pytest.raises(StartError, match="the store one is broken"):
            await root.start_child(actor(Journal(), "a", store=Watched([], "one", "open")))


async def test_stores_of_a_deep_tree_are_found_without_recursion() -> None:
    journal, lines = Journal(), []
    spec: Any = actor(journal, "a", store=Watched(lines))
    for _ in range(1000):
        spec = tree(spec, id="in")
    async with opened(tree(spec)):
        assert lines == ["open store"]


async def test_two_trees_on_one_file_are_one_too_many(store: SqliteStore, tmp_path: Path) -> None:
    journal = Journal()
    for other in (store, SqliteStore(tmp_path / "." / "state.sqlite")):
        async with opened(tree(actor(journal, "a"), store=store)) as root:
            with pytest.raises(StoreInUse, match="in use by another tree of this process; stop that one first"):
                async with opened(tree(actor(journal, "b"), store=other)):
                    pytest.fail("it began")
            await root.child("a").ask(remember(Position(1)))
            await root.child("a").ask(Do(lambda me: me.flush()))


async def test_a_file_that_is_no_store_ends_the_start_with_a_clear_error(store: SqliteStore) -> None:
    store.path.write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreCorrupt, match="move the file away to start without state"):
        async with opened(tree(actor(Journal(), "a"), store=store)):
            pytest.fail("it began")


async def test_a_store_that_fails_is_an_event_when_it_begins_and_when_it_is_over() -> None:
    journal = Journal()
    store = Watched([], "one")
    async with opened(tree(actor(journal, "a"), store=store), journal):
        assert store.report is not None
        store.report(StoreFailed("one", "is full", "make room"))
        store.report(None)
    assert [(event.path, event.error, event.level) for event in journal.of(StoreFailing)] == [
        ("root", "the store one is full; make room", "warning"),
        ("root", None, "warning"),
    ]


# ---- a state that kills


class Broken(Actor[str]):
    """Recalls, and fails if there is something, as a state that a bug in it cannot bear."""

    def __init__(self, journal: Journal, fail_without: list[bool] | None = None, after: float = 0.0) -> None:
        self.journal = journal
        self.fail_without = fail_without or []
        self.after_ = after

    async def on_start(self) -> None:
        found = {**self.recall_all(Position), **self.recall_all(Order)}
        self.journal(" ".join(found) or "nothing")
        if found or (self.fail_without and self.fail_without.pop()):
            if not self.after_:
                raise BoomError
            self.spawn(self.fail_later)

    async def fail_later(self) -> None:
        await anyio.sleep(self.after_)
        raise BoomError

    def receive(self, message: str) -> None:
        self.remember(Position(1), message)


def broken(journal: Journal, store: Any, **kwargs: Any) -> Any:
    return tree(
        ActorSpec("a", lambda: Broken(journal, **kwargs), restart=Restart.PERMANENT),
        id="root",
        store=store,
        intensity=Intensity(5, 10.0),
    )


def poisoned() -> MemoryStore:
    """With a state in it that an earlier life left."""
    store = MemoryStore()
    store.put("root/a", f"{Position.__module__}.Position\x00one", msgspec.msgpack.encode(Position(1)))
    store.put("root/a", f"{Order.__module__}.Order\x00two", msgspec.msgpack.encode(Order("x")))
    return store


async def run_for(spec: Any, journal: Journal, seconds: float = 1.0) -> BaseException | None:
    try:
        async with opened(spec, journal):
            await anyio.sleep(seconds)
    except Exception as error:
        return error
    return None


async def test_a_state_that_kills_three_lives_in_a_row_is_set_aside_before_the_fourth() -> None:
    journal, store = Journal(), poisoned()
    spec = broken(journal, store, after=0.01)
    assert await run_for(spec, journal) is None
    assert journal.lines == ["one two"] * 3 + ["nothing"]
    (event,) = journal.of(StateDiscarded)
    assert (event.path, event.count, event.lives, event.level) == ("root/a", 2, 3, "error")
    assert event.keys == (f"{__name__}.Order two", f"{__name__}.Position one")
    assert await run_for(spec, journal) is None
    assert journal.take()[4:] == ["nothing"]


async def test_it_is_set_aside_over_starts_of_a_process_too(store: SqliteStore, tmp_path: Path) -> None:
    async with opened(tree(actor(Journal(), "a"), store=store)) as root:
        await root.child("a").ask(remember(Position(1), "one"))
        await anyio.sleep(6.0)
    journal = Journal()
    for _ in range(3):
        error = await run_for(broken(journal, SqliteStore(tmp_path / "state.sqlite")), journal)
        assert isinstance(error, StartError)
        assert isinstance(error.__cause__, BoomError)
    assert await run_for(broken(journal, SqliteStore(tmp_path / "state.sqlite")), journal) is None
    assert journal.lines == ["one"] * 3 + ["nothing"]
    assert len(journal.of(StateDiscarded)) == 1


async def test_a_state_that_was_not_to_blame_is_put_back_and_left_alone() -> None:
    journal, store = Journal(), poisoned()
    spec = broken(journal, store, fail_without=[True], after=0.01)
    await run_for(spec, journal)
    assert journal.lines == ["one two"] * 3 + ["nothing"] + ["one two"] * 2
    assert [type(event) for event in journal.of(StateDiscarded, StateRestored)] == [StateDiscarded, StateRestored]
    assert (journal.of(StateRestored)[0].count, journal.of(StateRestored)[0].level) == (2, "warning")
    assert len(list(store.scan("root/a"))) == 2
    assert list(store.scan("root/a//set aside")) == []


async def test_what_the_life_without_the_state_remembered_elsewhere_stays_when_it_is_put_back() -> None:
    journal, store = Journal(), poisoned()

    class Keeper(Broken):
        async def on_start(self) -> None:
            found = self.recall_all(Position)
            self.remember(Position(2), "one")
            self.remember(Position(3), "three")
            self.journal(" ".join(f"{key}={value.amount}" for key, value in found.items()) or "nothing")
            raise BoomError

    spec = tree(ActorSpec("a", lambda: Keeper(journal)), store=store)
    for _ in range(5):
        await run_for(spec, journal)
    assert journal.lines == ["one=1", "one=2 three=3", "one=2 three=3", "nothing", "one=2 three=3"]


async def test_after_a_life_that_lived_a_state_is_suspected_anew() -> None:
    journal, store = Journal(), poisoned()
    await run_for(broken(journal, store, fail_without=[True], after=0.01), journal)  # set aside, and put back
    async with opened(tree(actor(journal, "a"), store=store)):
        await anyio.sleep(6.0)
    journal.take()
    await run_for(broken(journal, store, after=0.01), journal)
    assert journal.lines == ["one two"] * 3 + ["nothing"]


@pytest.mark.parametrize("after", [4.9, 5.1])
async def test_a_life_that_lasts_is_no_life_that_failed_at_once(after: float) -> None:
    journal = Journal()
    spec = tree(ActorSpec("a", lambda: Broken(journal, after=after)), store=poisoned(), intensity=LOOSE)
    await run_for(spec, journal, 30.0)
    assert bool(journal.of(StateDiscarded)) is (after < 5.0)


@pytest.mark.parametrize("end", ["kill", "stop"])
async def test_a_life_that_others_end_is_not_held_against_its_state(end: str) -> None:
    journal, store = Journal(), poisoned()
    async with opened(tree(actor(journal, "a"), store=store, intensity=LOOSE), journal) as root:
        for _ in range(5):
            ref = root.child("a")
            await ref.ask(recall(Position, "one"))
            if end == "kill":
                kill(ref)
                await await_restart(ref)
            else:
                await root.terminate_child("a")
                await root.restart_child("a")
    assert not journal.of(StateDiscarded)


async def test_a_life_that_recalled_only_what_it_remembered_itself_is_not_held_against_it() -> None:
    journal, store = Journal(), MemoryStore()

    class Own(Actor[str]):
        async def on_start(self) -> None:
            self.remember(Position(1))
            assert self.recall(Position) == Position(1)
            raise BoomError

    for _ in range(5):
        await run_for(tree(ActorSpec("a", Own), store=store), journal)
    assert not journal.of(StateDiscarded)
    assert list(store.scan("root/a//suspicion")) == []


async def test_a_life_that_recalls_nothing_is_not_held_against_the_state() -> None:
    journal, store = Journal(), poisoned()
    journal.fail_start["a"] = [BoomError() for _ in range(5)]
    for _ in range(5):
        await run_for(tree(actor(journal, "a"), store=store), journal)
    assert not journal.of(StateDiscarded)


async def test_a_fatal_end_is_not_held_against_the_state() -> None:
    class Ended(BaseException):
        pass

    class Fatal(Actor[str]):
        async def on_start(self) -> None:
            assert self.recall(Position, "one")
            raise Ended

    store = poisoned()
    with pytest.raises(Ended):
        async with opened(tree(ActorSpec("a", Fatal), store=store)):
            pytest.fail("it began")
    assert list(store.scan("root/a//suspicion")) == []


async def test_lives_that_have_forgotten_it_themselves_leave_nothing_to_set_aside() -> None:
    journal, store = Journal(), poisoned()

    class Forgetful(Actor[str]):
        async def on_start(self) -> None:
            for key in (*self.recall_all(Position), *self.recall_all(Order)):
                self.remember(Position(2), key)
                if journal.started("a") > 4:
                    self.forget(key)
            raise BoomError

    for _ in range(4):
        await run_for(tree(ActorSpec("a", Forgetful), store=store), journal)
    assert not journal.of(StateDiscarded)
    assert list(store.scan("root/a")) == []


async def test_healthy_lives_cost_no_write() -> None:
    class Counting(MemoryStore):
        changes = 0

        def put(self, namespace: str, key: str, value: bytes) -> None:
            self.changes += 1
            super().put(namespace, key, value)

        def delete(self, namespace: str, key: str) -> None:
            self.changes += 1
            super().delete(namespace, key)

    store = Counting()
    store._spaces = poisoned()._spaces
    for _ in range(3):
        async with opened(tree(actor(Journal(), "a"), store=store)) as root:
            await root.child("a").ask(recall(Position, "one"))
            await anyio.sleep(6.0)
            crash(root.child("a"))
            await await_restart(root.child("a"))
    assert store.changes == 0


async def test_only_one_generation_is_kept_aside() -> None:
    journal, store = Journal(), poisoned()
    for key in ("three", "four"):
        assert await run_for(broken(journal, store, after=0.01), journal, 10.0) is None
        store.put("root/a", f"{Position.__module__}.Position\x00{key}", msgspec.msgpack.encode(Position(1)))
    assert await run_for(broken(journal, store, after=0.01), journal, 10.0) is None
    assert [key for key, _ in store.scan("root/a//set aside")] == [f"{Position.__module__}.Position\x00four"]


async def test_the_state_of_a_sibling_is_not_touched() -> None:
    journal, store = Journal(), poisoned()
    store.put("root/ab", f"{Position.__module__}.Position\x00", msgspec.msgpack.encode(Position(7)))
    spec = tree(ActorSpec("a", lambda: Broken(journal, after=0.01)), actor(journal, "ab"), store=store)
    async with opened(spec, journal) as root:
        await anyio.sleep(1.0)
        assert journal.of(StateDiscarded)
        assert await root.child("ab").ask(recall(Position)) == Position(7)


async def test_what_is_kept_about_a_place_in_memory_goes_with_it() -> None:
    journal = Journal()
    async with opened(tree()) as root:
        await root.start_child(ActorSpec("a", lambda: Broken(journal, after=0.01), restart=Restart.TRANSIENT))
        root.child("a").tell("one")
        await anyio.sleep(6.0)
        crash(root.child("a"))
        await anyio.sleep(1.0)
        assert journal.lines[-1] == "nothing"
        assert set(root._runtime.store._spaces) == {"root/a//set aside", "root/a//suspicion"}
        await root.terminate_child("a")
        await root.delete_child("a")
        assert root._runtime.store._spaces == {}


async def test_a_store_that_fails_at_the_end_of_a_life_does_not_hide_that_end() -> None:
    class Failing(MemoryStore):
        def put(self, namespace: str, key: str, value: bytes) -> None:
            raise StoreFailed("it", "is full", "make room")

    journal, store = Journal(), Failing()
    store._spaces = poisoned()._spaces
    async with opened(tree(actor(journal, "a"), store=store), journal) as root:
        ref = root.child("a")
        await ref.ask(recall(Position, "one"))
        crash(ref)
        await await_restart(ref)
        assert await ref.ask(recall(Position, "one")) == Position(1)
    assert [event.hook for event in journal.of(HookFailed)] == ["what it remembers"]


# ---- instants


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The wall clock at the start of a tree."""
    now = [1_700_000_000.0]
    monkeypatch.setattr("supervisor.runtime.wall_time", lambda: now[0])
    return now


async def test_an_instant_is_the_same_moment_for_a_later_process(wall: list[float], store: SqliteStore) -> None:
    async with opened(tree(actor(Journal(), "a"), store=store)) as root:
        await anyio.sleep(10.0)
        at = anyio.current_time() + 90.0
        until = await root.child("a").ask(Do(lambda me: me.context.wall_clock(at)))
        assert until == 1_700_000_100.0
        await root.child("a").ask(remember(until))
    wall[0] += 50.0
    async with opened(tree(actor(Journal(), "a"), store=store)) as root:
        until = await root.child("a").ask(recall(float))
        left = await root.child("a").ask(Do(lambda me: me.context.loop_clock(until))) - anyio.current_time()
        assert left == pytest.approx(50.0)
        await anyio.sleep(60.0)
        left = await root.child("a").ask(Do(lambda me: me.context.loop_clock(until))) - anyio.current_time()
        assert left == pytest.approx(-10.0)


async def test_an_instant_there_and_back_is_the_same(wall: list[float]) -> None:
    async with opened(tree(actor(Journal(), "a"))) as root:
        for at in (-5.0, 0.0, 1e6):
            there = Do(lambda me, at=at: me.context.loop_clock(me.context.wall_clock(at)))
            assert await root.child("a").ask(there) == pytest.approx(at, abs=1e-5)
            await anyio.sleep(1.0)
