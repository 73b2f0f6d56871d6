from __future__ import annotations

from typing import Any

import pytest
from attrs import define

from supervisor.errors import NameTaken, NoSuchActor
from supervisor.names import Name, Names

TILL: Name[int] = Name("till")


@define(eq=False)
class Somewhere:
    path: str


def place(path: str = "bank/till") -> Any:
    return Somewhere(path)


@pytest.mark.item(180)
def test_a_registered_place_is_found() -> None:
    names, here = Names(), place()
    names.register(TILL, here)
    assert names.find(TILL) is here
    assert len(names) == 1


def test_a_name_is_found_by_its_key() -> None:
    names, here = Names(), place()
    names.register(TILL, here)
    assert names.find(Name("till")) is here


@pytest.mark.item(177)
def test_a_taken_name_is_refused_and_its_owner_keeps_it() -> None:
    names, here = Names(), place()
    names.register(TILL, here)
    with pytest.raises(NameTaken, match="belongs to bank/till") as caught:
        names.register(TILL, place("elsewhere"))
    assert (caught.value.name, caught.value.owner) == ("till", "bank/till")
    assert names.find(TILL) is here
    assert len(names) == 1


def test_a_place_may_take_its_own_name_again() -> None:
    names, here = Names(), place()
    names.register(TILL, here)
    names.register(TILL, here)
    names.release(TILL, here)
    assert len(names) == 0


@pytest.mark.item(178, 186)
def test_a_released_name_is_free_at_once() -> None:
    names, next_one = Names(), place("next")
    first = place()
    names.register(TILL, first)
    names.release(TILL, first)
    with pytest.raises(NoSuchActor, match="the name 'till'"):
        names.find(TILL)
    names.register(TILL, next_one)
    assert names.find(TILL) is next_one


@pytest.mark.item(179)
def test_only_the_owner_releases_a_name() -> None:
    names, here = Names(), place()
    names.release(TILL, here)
    names.register(TILL, here)
    names.release(TILL, place("other"))
    assert names.find(TILL) is here


def test_a_scope_sees_the_names_around_it() -> None:
    outer = Names()
    inner = Names(Names(outer))
    here = place()
    outer.register(TILL, here)
    assert inner.find(TILL) is here


def test_the_nearest_owner_of_a_name_is_found() -> None:
    outer = Names()
    inner = Names(outer)
    far, near = place("far"), place("near")
    outer.register(TILL, far)
    inner.register(TILL, near)
    assert inner.find(TILL) is near
    assert outer.find(TILL) is far
    inner.release(TILL, near)
    assert inner.find(TILL) is far


def test_names_in_a_scope_are_not_seen_around_it_nor_beside_it() -> None:
    outer = Names()
    inner, beside = Names(outer), Names(outer)
    inner.register(TILL, place())
    for scope in (outer, beside):
        with pytest.raises(NoSuchActor):
            scope.find(TILL)
