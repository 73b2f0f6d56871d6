"""Q. Registries, and names as what calls are addressed by. More of names in test_names_topics.py."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import anyio
import pytest

from supervisor import (
    KILL,
    Actor,
    ActorSpec,
    AlreadyRegistered,
    Down,
    DuplicateRegistry,
    Name,
    NameTaken,
    Registered,
    Registry,
    Skipped,
    SpecError,
    StartError,
    Unregistered,
)
from supervisor.exits import ExitReason, Ignore
from supervisor.testing import await_restart, crash, kill
from tests.semantics.actors import (
    LOOSE,
    NAME,
    Boom,
    BoomError,
    Do,
    Get,
    Journal,
    Outcome,
    Quit,
    Recorder,
    actor,
    many,
    opened,
    settle,
    tree,
)

pytestmark = pytest.mark.anyio
WORKERS: Registry[Any, Any] = Registry("workers")
ROOMS: DuplicateRegistry[Any, Any] = DuplicateRegistry("rooms")


def registers(key: Any, value: Any = 0, registry: Any = WORKERS) -> Do:
    return Do(lambda me: me.registry(registry).register(key, value))


class Worker(Recorder):
    """Registers its id when it starts."""

    __slots__ = ()

    async def on_start(self) -> None:
        self.registry(WORKERS).register(self.id, self.context.incarnation)
        await Recorder.on_start(self)


def worker(journal: Journal, id: str, **kwargs: Any) -> ActorSpec[Any]:
    return ActorSpec(id, lambda: Worker(id, journal), **kwargs)


@pytest.mark.item(177)
async def test_a_key_that_is_taken_is_refused_and_says_by_whom() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"), actor(journal, "b"))) as root:
        await root.child("a").ask(registers("x", 1))
        for id in "ab":
            caught: list[AlreadyRegistered] = []

            def register(me: Any, caught: list[AlreadyRegistered] = caught) -> None:
                try:
                    me.registry(WORKERS).register("x", 2)
                except AlreadyRegistered as error:
                    caught.append(error)

            await root.child(id).ask(Do(register))
            assert caught[0].ref == root.child("a")
        assert root.registry(WORKERS).lookup("x") == [(root.child("a"), 1)]


@pytest.mark.item(178)
@pytest.mark.parametrize("how", ["crash", "quit", "stop", "kill", "terminate"])
async def test_entries_vanish_with_the_life_however_it_ends(how: str) -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"), actor(journal, "b"), intensity=LOOSE)) as root:
        a, view = root.child("a"), root.registry(WORKERS)
        await a.ask(registers("x"))
        match how:
            case "crash":
                a.tell(Boom())
            case "quit":
                a.tell(Quit())
            case "stop":
                await a.stop()
            case "kill":
                kill(a)
            case _:
                await root.terminate_child("a")
        await settle()
        assert view.whereis("x") is None
        await root.child("b").ask(registers("x"))
        assert view.whereis("x") == root.child("b")


@pytest.mark.item(178)
async def test_the_key_is_free_before_anybody_hears_of_the_end() -> None:
    journal = Journal()
    seen: list[Any] = []

    class Heir(Actor[Down | Do]):
        async def on_start(self) -> None:
            self.monitor(self.context.supervisor.child("a"))

        def receive(self, message: Down | Do) -> None:
            seen.append(self.registry(WORKERS).whereis("x"))
            self.registry(WORKERS).register("x", "mine")

    spec = tree(actor(journal, "a"), ActorSpec("heir", Heir))
    async with opened(spec) as root:
        await root.child("a").ask(registers("x"))
        crash(root.child("a"))
        await settle()
        assert seen == [None]
        assert root.registry(WORKERS).values("x") == ["mine"]


@pytest.mark.item(178)
async def test_a_life_that_is_stopping_still_has_its_keys() -> None:
    journal = Journal()
    found: list[Any] = []

    class Careful(Worker):
        __slots__ = ()

        async def on_stop(self, reason: ExitReason) -> None:
            await anyio.sleep(1)
            found.append(self.registry(WORKERS).values("a"))

    async with opened(tree(ActorSpec("a", lambda: Careful("a", journal)))):
        pass
    assert found == [[1]]


@pytest.mark.item(178)
async def test_the_next_life_registers_anew_and_is_found_under_the_same_ref() -> None:
    journal = Journal()
    async with opened(tree(worker(journal, "a"), intensity=LOOSE)) as root:
        ref, view = root.child("a"), root.registry(WORKERS)
        for incarnation in (1, 2, 3):
            assert view.lookup("a") == [(ref, incarnation)]
            crash(ref)
            await await_restart(ref)
        assert view.count() == 1


@pytest.mark.item(178)
async def test_nobody_is_found_between_two_lives() -> None:
    journal = Journal(slow_start={"a": 10.0})

    class Late(Recorder):
        __slots__ = ()

        async def on_start(self) -> None:
            await Recorder.on_start(self)
            self.registry(WORKERS).register("a", 1)

    async with opened(tree(ActorSpec("a", lambda: Late("a", journal)))) as root:
        crash(root.child("a"))
        await anyio.sleep(5)
        assert root.registry(WORKERS).whereis("a") is None
        await anyio.sleep(10)
        assert root.registry(WORKERS).whereis("a") == root.child("a")


@pytest.mark.item(178)
async def test_an_actor_object_that_is_kept_registers_nothing_any_more() -> None:
    journal = Journal()
    kept: list[Any] = []
    async with opened(tree(actor(journal, "a"))) as root:
        await root.child("a").ask(Do(kept.append))
        crash(root.child("a"))
        await settle()
        kept[0].registry(WORKERS).register("x", 1)
        assert root.registry(WORKERS).whereis("x") is None


@pytest.mark.item(186, 125)
@pytest.mark.parametrize("failure", [BoomError("no"), Ignore()], ids=["error", "ignore"])
async def test_a_start_that_fails_keeps_neither_key_nor_name(failure: Exception) -> None:
    journal = Journal(fail_start={"a": [failure] * 20})
    async with opened(many(intensity=LOOSE)) as root:
        for _ in range(20):
            with suppress(StartError):
                await root.start_child(worker(journal, "a", name=NAME))
            assert root.registry(WORKERS).whereis("a") is None
        ref = await root.start_child(worker(journal, "a", name=NAME))
        assert root.ref(NAME) == ref == root.registry(WORKERS).whereis("a")


@pytest.mark.item(179, 181)
async def test_actors_find_each_other_by_key() -> None:
    journal = Journal()
    async with opened(tree(*(actor(journal, id) for id in "abc"))) as root:
        for id in "ab":
            await root.child(id).ask(registers("hall", id, ROOMS))

        def say(entries: list[Any]) -> None:
            for ref, value in entries:
                ref.tell(f"hello {value}")

        assert await root.child("c").ask(Do(lambda me: me.registry(ROOMS).dispatch("hall", say))) == 2
        await settle()
        assert sorted(line for line in journal.lines if "hello" in line) == ["a: hello a", "b: hello b"]


@pytest.mark.item(182)
async def test_only_the_owner_changes_or_gives_up_what_it_registered() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"), actor(journal, "b"))) as root:
        view = root.registry(ROOMS)
        for id in "ab":
            await root.child(id).ask(registers("hall", 1, ROOMS))

        def more(me: Any) -> Any:
            return me.registry(ROOMS).update("hall", lambda value: value + 1)

        assert await root.child("b").ask(Do(more)) == 2
        assert view.lookup("hall") == [(root.child("a"), 1), (root.child("b"), 2)]
        assert view.match("hall", lambda value: value > 1) == [(root.child("b"), 2)]
        assert view.select(lambda key, value: value == 1) == [("hall", root.child("a"), 1)]

        def drop(me: Any) -> Any:
            return me.registry(ROOMS).unregister_match("hall", lambda _: True)

        assert await root.child("b").ask(Do(drop)) == 1
        assert view.lookup("hall") == [(root.child("a"), 1)]


@pytest.mark.item(182)
async def test_keys_of_different_types_are_different_keys() -> None:
    async with opened(tree(actor(Journal(), "a"))) as root:
        for key in (1, 1.0, True):
            await root.child("a").ask(registers(key, str(key)))
        assert [root.registry(WORKERS).values(key) for key in (1, 1.0, True)] == [["1"], ["1.0"], ["True"]]


@pytest.mark.item(180)
@pytest.mark.parametrize("verb", ["ask", "tell", "stop"])
async def test_a_name_resolves_when_it_is_used(verb: str) -> None:
    journal = Journal()
    async with opened(tree(many("in"), intensity=LOOSE)) as root:
        inner = root.supervisor("in")
        for number in (1, 2):  # another place each time, and the same name
            await inner.start_child(actor(journal, f"a{number}", name=NAME))
            match verb:
                case "ask":
                    assert await root.ref(NAME).ask(Get()) == 0
                case "tell":
                    assert root.ref(NAME).tell("hello")
                case _:
                    await root.ref(NAME).stop()
            await settle()
            await inner.terminate_child(f"a{number}")
        assert journal.lines.count("+a2") == (1 if verb != "stop" else 2)


@pytest.mark.item(180, 128)
async def test_a_name_that_is_taken_refuses_the_child_and_runs_none_of_it() -> None:
    journal = Journal()
    async with opened(many()) as root:
        owner = await root.start_child(actor(journal, "a", name=NAME))
        with pytest.raises(NameTaken) as caught:
            await root.start_child(actor(journal, "b", name=Name(NAME.key)))
        assert caught.value.owner == owner.path
        assert journal.lines == ["+a"]
        assert root.ref(NAME) == owner


class Listener(Actor[Registered[Any, Any] | Unregistered[Any] | Do]):
    def __init__(self, heard: list[Any]) -> None:
        self.heard = heard

    async def on_start(self) -> None:
        self.registry(WORKERS).listen()

    def receive(self, message: Any) -> None:
        self.heard.append((type(message).__name__, message.key, message.ref.path))


@pytest.mark.item(183)
async def test_an_actor_listens_to_who_comes_and_goes() -> None:
    journal = Journal()
    heard: list[Any] = []
    async with opened(tree(ActorSpec("ear", lambda: Listener(heard)), actor(journal, "a"))) as root:
        await root.child("a").ask(registers("x"))
        crash(root.child("a"))
        await settle()
    assert heard == [("Registered", "x", "root/a"), ("Unregistered", "x", "root/a")]


@pytest.mark.item(183)
async def test_who_listens_must_accept_what_comes() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:

        def listen(me: Any) -> str:
            try:
                me.registry(WORKERS).listen()
            except TypeError as error:
                return str(error)
            return ""

        assert "calls listen() but does not accept Registered" in await root.child("a").ask(Do(listen))


@pytest.mark.item(183)
async def test_code_outside_the_tree_listens_within_a_bound() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        with root.subscription(WORKERS.events, capacity=2) as events:
            for key in range(5):
                await root.child("a").ask(registers(key))
            got: list[Any] = [await anext(events) for _ in range(3)]
        assert got[0] == Skipped(3)
        assert [event.key for event in got[1:]] == [3, 4]


@pytest.mark.item(175, 183)
async def test_a_listener_that_crashes_hurts_nobody() -> None:
    journal = Journal()

    class Deaf(Listener):
        def receive(self, message: Any) -> None:
            raise BoomError

    spec = tree(ActorSpec("ear", lambda: Deaf([])), worker(journal, "a"), intensity=LOOSE)
    async with opened(spec) as root:
        await settle()
        assert root.registry(WORKERS).values("a") == [1]
        assert await root.child("a").ask(Get()) == 0


@pytest.mark.item(185)
async def test_one_key_is_not_unique_here_and_duplicate_there() -> None:
    async with opened(tree()) as root:
        root.registry(WORKERS)
        with pytest.raises(SpecError, match=r"expected a key of its own, or Registry\('workers'\)"):
            root.registry(DuplicateRegistry("workers"))


@pytest.mark.item(176, 178)
async def test_five_hundred_lives_leave_nothing_behind() -> None:
    journal = Journal()
    async with opened(tree(worker(journal, "a"), intensity=LOOSE)) as root:
        registries = root._runtime.registries
        for _ in range(500):
            crash(root.child("a"))
            await await_restart(root.child("a"))
        assert len(registries) == 1
        await root.terminate_child("a")
        space = registries.space(WORKERS)
        assert (len(registries), space.entries, space.locks) == (0, {}, {})


# ---- locks


def holds(key: Any, seconds: float, journal: Journal, *, fail: bool = False) -> Do:
    async def hold(me: Any) -> str:
        async with me.registry(WORKERS).lock(key):
            journal(f"{me.id} has {key}")
            await anyio.sleep(seconds)
            if fail:
                raise BoomError
            journal(f"{me.id} gives {key}")
        return "done"

    return Do(hold)


@pytest.mark.item(184)
async def test_one_key_is_locked_by_one_at_a_time_first_come_first_served() -> None:
    journal = Journal()
    async with opened(tree(*(actor(journal, id) for id in "abc"))) as root, anyio.create_task_group() as group:
        journal.take()
        outcomes = []
        for id in "abc":
            outcomes.append(Outcome(group, root.child(id), holds("x", 1, journal)))
            await settle()
        began = anyio.current_time()
        await anyio.sleep(3.5)
        assert [outcome.value for outcome in outcomes] == ["done"] * 3
        assert journal.lines == [f"{id} {verb} x" for id in "abc" for verb in ("has", "gives")]
        assert anyio.current_time() - began < 4
        assert root._runtime.registries.space(WORKERS).locks == {}


@pytest.mark.item(184)
async def test_other_keys_are_locked_at_the_same_time() -> None:
    journal = Journal()
    async with opened(tree(*(actor(journal, id) for id in "ab"))) as root, anyio.create_task_group() as group:
        journal.take()
        for id, key in (("a", 1), ("b", True)):
            Outcome(group, root.child(id), holds(key, 1, journal))
        await settle()
        assert sorted(journal.lines) == ["a has 1", "b has True"]
        await anyio.sleep(2)


@pytest.mark.item(184)
@pytest.mark.parametrize("how", ["raises", "dies"])
async def test_a_lock_is_free_when_its_holder_fails(how: str) -> None:
    journal = Journal()
    spec = tree(*(actor(journal, id) for id in "ab"), intensity=LOOSE)
    async with opened(spec) as root, anyio.create_task_group() as group:
        Outcome(group, root.child("a"), holds("x", 1, journal, fail=how == "raises"))
        await settle()
        other = Outcome(group, root.child("b"), holds("x", 1, journal))
        await settle()
        assert "b has x" not in journal.lines
        if how == "dies":
            kill(root.child("a"))
        await anyio.sleep(2.5)
        assert other.value == "done"


@pytest.mark.item(184)
async def test_a_waiter_that_dies_does_not_keep_the_lock_from_the_next() -> None:
    journal = Journal()
    spec = tree(*(actor(journal, id, shutdown=KILL) for id in "abc"), intensity=LOOSE)
    async with opened(spec) as root, anyio.create_task_group() as group:
        outcomes = []
        for id in "abc":
            outcomes.append(Outcome(group, root.child(id), holds("x", 1, journal)))
            await settle()
        kill(root.child("b"))
        await anyio.sleep(2.5)
        assert (outcomes[0].value, outcomes[2].value) == ("done", "done")
        assert "b has x" not in journal.lines
        assert root._runtime.registries.space(WORKERS).locks == {}


@pytest.mark.item(184)
async def test_a_lock_that_was_never_given_back_ends_with_the_life() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        await root.child("a").ask(Do(lambda me: me.registry(WORKERS).lock("x").__aenter__()))
        with anyio.move_on_after(5) as scope:
            async with root.registry(WORKERS).lock("x"):
                pass
        assert scope.cancelled_caught
        crash(root.child("a"))
        async with root.registry(WORKERS).lock("x"):
            pass
        assert root._runtime.registries.space(WORKERS).locks == {}


@pytest.mark.item(184)
async def test_who_would_wait_for_itself_is_told() -> None:
    async with opened(tree()) as root:
        registry = root.registry(WORKERS)
        async with registry.lock("x"):
            with pytest.raises(RuntimeError, match="holds the lock of that key"):
                await registry.lock("x").__aenter__()
            async with registry.lock("y"):
                pass
        assert root._runtime.registries.space(WORKERS).locks == {}


@pytest.mark.item(184)
async def test_a_turn_is_taken_once() -> None:
    async with opened(tree()) as root:
        turn = root.registry(WORKERS).lock("x")
        async with turn:
            pass
        with pytest.raises(RuntimeError, match="a new one each time"):
            await turn.__aenter__()
