"""Registries by themselves: entries, owners, strict keys. With lives: tests/semantics/test_q_registry.py."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import define, field

from supervisor.errors import AlreadyRegistered, NotRegistered, SpecError
from supervisor.ref import Ref
from supervisor.registries.registry import DuplicateRegistry, Owner, Registered, Registry, Unregistered
from supervisor.registries.registry_view import Registrar, Registries
from supervisor.topics import Topic, Topics

WORKERS: Registry[Any, Any] = Registry("workers")
ROOMS: DuplicateRegistry[Any, Any] = DuplicateRegistry("rooms")


@define(eq=False)
class Somewhere:
    path: str


@define(eq=False)
class Heard:
    """A subscriber that keeps what it takes."""

    events: list[Any] = field(factory=list)

    def push(self, message: Any, /) -> bool:
        self.events.append(message)
        return True


@define(eq=False)
class Hall:
    """A tree's registries, and owners that need no life."""

    topics: Topics = field(factory=Topics)
    registries: Registries = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.registries = Registries(self.topics, lambda: None)

    def owner(self, path: str) -> Owner:
        return Owner(Somewhere(path))

    def registrar(self, declaration: Any, owner: Owner) -> Registrar[Any, Any]:
        return self.registries.registrar(declaration, owner, lambda _: None)


def paths(found: list[tuple[Ref[Any], Any]]) -> list[tuple[str, Any]]:
    return [(ref.path, value) for ref, value in found]


@pytest.mark.item(179)
def test_what_is_registered_is_found_with_its_value() -> None:
    hall = Hall()
    owner = hall.owner("a")
    hall.registrar(WORKERS, owner).register("x", 1)
    view = hall.registries.view(WORKERS)
    found = view.whereis("x")
    assert found is not None
    assert found.path == "a"
    assert (paths(view.lookup("x")), view.values("x"), view.count()) == ([("a", 1)], [1], 1)


@pytest.mark.item(179)
def test_what_is_not_registered_is_nobody() -> None:
    view = Hall().registries.view(WORKERS)
    assert (view.whereis("x"), view.lookup("x"), view.values("x"), view.count()) == (None, [], [], 0)


@pytest.mark.item(177)
@pytest.mark.parametrize("path", ["another", "the same"])
def test_a_unique_key_has_one_owner_and_its_value_is_unchanged(path: str) -> None:
    hall = Hall()
    first = hall.owner("first")
    hall.registrar(WORKERS, first).register("x", 1)
    second = first if path == "the same" else hall.owner(path)
    with pytest.raises(AlreadyRegistered, match="the key 'x' of registry 'workers' belongs to first") as caught:
        hall.registrar(WORKERS, second).register("x", 2)
    assert (caught.value.registry, caught.value.key, caught.value.ref) == ("workers", "x", first.ref)
    assert isinstance(caught.value, ValueError)
    assert hall.registries.view(WORKERS).values("x") == [1]
    assert len(hall.registries) == 1


@pytest.mark.item(177)
def test_a_refused_registration_leaves_nothing_behind() -> None:
    hall = Hall()
    first, second = hall.owner("first"), hall.owner("second")
    hall.registrar(WORKERS, first).register("x", 1)
    for _ in range(3):
        with pytest.raises(AlreadyRegistered):
            hall.registrar(WORKERS, second).register("x", 2)
    assert second.held == {}
    assert hall.registrar(WORKERS, second).keys() == []
    first.release()
    assert hall.registries.space(WORKERS).entries == {}


@pytest.mark.item(179)
def test_a_key_that_is_absent_or_anothers_is_unregistered_without_harm() -> None:
    hall = Hall()
    first, second = hall.owner("first"), hall.owner("second")
    hall.registrar(WORKERS, first).register("x", 1)
    assert hall.registrar(WORKERS, second).unregister("x") == 0
    assert hall.registrar(WORKERS, second).unregister("y") == 0
    assert hall.registries.view(WORKERS).values("x") == [1]
    assert hall.registrar(WORKERS, first).unregister("x") == 1
    assert hall.registries.view(WORKERS).count() == 0
    hall.registrar(WORKERS, second).register("x", 2)  # free at once


@pytest.mark.item(179)
def test_keys_are_those_of_one_owner_and_of_one_registry() -> None:
    hall = Hall()
    first, second = hall.owner("first"), hall.owner("second")
    for key in ("x", "y"):
        hall.registrar(WORKERS, first).register(key, 0)
    hall.registrar(WORKERS, second).register("z", 0)
    hall.registrar(ROOMS, first).register("hall", 0)
    hall.registrar(ROOMS, first).register("hall", 1)
    assert hall.registrar(WORKERS, first).keys() == ["x", "y"]
    assert hall.registrar(ROOMS, first).keys() == ["hall", "hall"]


@pytest.mark.item(181)
def test_a_duplicate_key_has_many_owners_and_one_may_have_it_twice() -> None:
    hall = Hall()
    for path, value in (("a", 1), ("b", 2)):
        hall.registrar(ROOMS, hall.owner(path)).register("hall", value)
    last = hall.owner("c")
    hall.registrar(ROOMS, last).register("hall", 3)
    hall.registrar(ROOMS, last).register("hall", 4)
    view = hall.registries.view(ROOMS)
    assert paths(view.lookup("hall")) == [("a", 1), ("b", 2), ("c", 3), ("c", 4)]
    assert view.count() == 4
    assert hall.registrar(ROOMS, last).unregister("hall") == 2
    assert view.values("hall") == [1, 2]


@pytest.mark.item(181)
def test_dispatch_calls_once_with_all_entries() -> None:
    hall, calls = Hall(), []
    for path, value in (("a", 1), ("b", 2)):
        hall.registrar(ROOMS, hall.owner(path)).register("hall", value)
    assert hall.registries.view(ROOMS).dispatch("hall", lambda entries: calls.append(paths(entries))) == 2
    assert calls == [[("a", 1), ("b", 2)]]


@pytest.mark.item(181)
def test_dispatch_to_nobody_calls_nothing() -> None:
    calls: list[Any] = []
    assert Hall().registries.view(ROOMS).dispatch("hall", calls.append) == 0
    assert calls == []


@pytest.mark.item(181)
def test_who_has_a_key_that_many_may_have_is_no_question() -> None:
    with pytest.raises(TypeError, match=r"lookup\(key\) lists them"):
        Hall().registries.view(ROOMS).whereis("hall")


@pytest.mark.item(182)
def test_an_owner_updates_its_value() -> None:
    hall = Hall()
    registrar = hall.registrar(WORKERS, hall.owner("a"))
    registrar.register("x", 1)
    assert registrar.update("x", lambda value: value + 1) == 2
    assert registrar.values("x") == [2]


@pytest.mark.item(182)
def test_who_does_not_own_a_key_cannot_update_it() -> None:
    hall = Hall()
    hall.registrar(WORKERS, hall.owner("a")).register("x", 1)
    with pytest.raises(NotRegistered, match="b has no key 'x' in registry 'workers'") as caught:
        hall.registrar(WORKERS, hall.owner("b")).update("x", lambda _: 2)
    assert isinstance(caught.value, LookupError)
    assert (caught.value.registry, caught.value.key, caught.value.path) == ("workers", "x", "b")
    assert hall.registries.view(WORKERS).values("x") == [1]


@pytest.mark.item(182)
def test_an_update_that_raises_changes_nothing() -> None:
    hall = Hall()
    registrar = hall.registrar(ROOMS, hall.owner("a"))
    for value in (1, 0):
        registrar.register("x", value)
    with pytest.raises(ZeroDivisionError):
        registrar.update("x", lambda value: 10 // value)
    assert registrar.values("x") == [1, 0]


@pytest.mark.item(182)
@pytest.mark.parametrize(
    "keys", [(1, 1.0, True), ((1,), (1.0,), (True,)), (frozenset([1]), frozenset([True])), ("a", b"a")], ids=str
)
def test_keys_are_compared_strictly(keys: tuple[Any, ...]) -> None:
    hall = Hall()
    registrar = hall.registrar(WORKERS, hall.owner("a"))
    for number, key in enumerate(keys):
        registrar.register(key, number)
    assert [registrar.values(key) for key in keys] == [[number] for number in range(len(keys))]
    registered = registrar.keys()
    assert [type(key) for key in registered] == [type(key) for key in keys]


@pytest.mark.item(182)
def test_match_and_select_choose_by_value_and_by_key() -> None:
    hall = Hall()
    for path, key, value in (("a", "x", 1), ("b", "x", 2), ("c", "y", 3)):
        hall.registrar(ROOMS, hall.owner(path)).register(key, value)
    view = hall.registries.view(ROOMS)
    assert paths(view.match("x", lambda value: value > 1)) == [("b", 2)]
    assert view.match("z", lambda _: True) == []
    chosen = view.select(lambda key, value: key == "y" or value == 1)
    assert [(key, ref.path, value) for key, ref, value in chosen] == [("x", "a", 1), ("y", "c", 3)]


@pytest.mark.item(182)
def test_unregister_match_takes_out_only_its_own() -> None:
    hall = Hall()
    mine, other = hall.registrar(ROOMS, hall.owner("a")), hall.registrar(ROOMS, hall.owner("b"))
    for value in (1, 2, 3):
        mine.register("x", value)
    other.register("x", 3)
    assert mine.unregister_match("x", lambda value: value > 1) == 2
    assert paths(mine.lookup("x")) == [("a", 1), ("b", 3)]
    assert mine.unregister_match("x", lambda value: value > 1) == 0
    assert mine.keys() == ["x"]


@pytest.mark.item(178)
def test_entries_vanish_with_their_owner_and_the_key_is_free_at_once() -> None:
    hall = Hall()
    first, second = hall.owner("a"), hall.owner("b")
    for key in ("x", "y"):
        hall.registrar(WORKERS, first).register(key, 1)
    hall.registrar(ROOMS, first).register("x", 1)
    hall.registrar(WORKERS, second).register("z", 1)
    first.release()
    assert len(hall.registries) == 1
    hall.registrar(WORKERS, second).register("x", 2)
    assert hall.registries.view(WORKERS).values("x") == [2]


@pytest.mark.item(178)
def test_a_dead_owner_registers_nothing() -> None:
    hall = Hall()
    owner = hall.owner("a")
    registrar = hall.registrar(WORKERS, owner)
    owner.release()
    registrar.register("x", 1)
    assert registrar.whereis("x") is None
    assert owner.held == {}


@pytest.mark.item(178, 176)
def test_ten_thousand_owners_leave_nothing_behind() -> None:
    hall = Hall()
    for number in range(10_000):
        owner = hall.owner("a")
        hall.registrar(WORKERS, owner).register("x", number)
        hall.registrar(ROOMS, owner).register(number, number)
        owner.release()
    assert len(hall.registries) == 0
    for declaration in (WORKERS, ROOMS):
        space = hall.registries.space(declaration)
        assert (space.entries, space.locks, space.size) == ({}, {}, 0)


@pytest.mark.item(185)
@pytest.mark.parametrize("wrong", ["workers", None, Topic("workers")], ids=str)
def test_what_is_no_declaration_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"expected a declaration, such as Registry\('workers'\)"):
        Hall().registries.view(wrong)


@pytest.mark.item(185)
def test_one_key_is_not_both_unique_and_duplicate() -> None:
    hall = Hall()
    hall.registries.view(WORKERS)
    with pytest.raises(
        SpecError, match=r"DuplicateRegistry.key is 'workers'.*Registry\('workers'\): as such this tree knows it"
    ):
        hall.registries.view(DuplicateRegistry("workers"))


@pytest.mark.item(185)
@pytest.mark.parametrize("kind", [Registry, DuplicateRegistry])
@pytest.mark.parametrize("key", ["", 3], ids=str)
def test_a_declaration_has_a_text_for_a_key(kind: Any, key: Any) -> None:
    with pytest.raises(SpecError, match=f"{kind.__name__}.key is {key!r}"):
        kind(key)


@pytest.mark.item(185)
def test_a_key_that_cannot_be_hashed_is_refused() -> None:
    hall = Hall()
    registrar = hall.registrar(WORKERS, hall.owner("a"))
    with pytest.raises(TypeError, match="a key of registry 'workers' is a list; expected something hashable"):
        registrar.register(["x"], 1)
    assert len(hall.registries) == 0


@pytest.mark.item(183)
def test_listeners_hear_who_registers_and_who_no_longer_does() -> None:
    hall, heard = Hall(), Heard()
    hall.topics.subscribe(WORKERS.events, heard)
    owner = hall.owner("a")
    registrar = hall.registrar(WORKERS, owner)
    for key in ("x", "y"):
        registrar.register(key, 1)
    registrar.update("x", lambda _: 2)
    registrar.unregister("x")
    hall.registrar(ROOMS, owner).register("x", 1)
    owner.release()
    assert heard.events == [
        Registered("workers", "x", owner.ref, 1),
        Registered("workers", "y", owner.ref, 1),
        Unregistered("workers", "x", owner.ref),
        Unregistered("workers", "y", owner.ref),
    ]
