"""`run` tunes the garbage collector of its process, and puts it back; `open_supervisor` never touches it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from supervisor import Actor, ActorSpec, Supervisor, SupervisorSpec, background, open_supervisor, run
from supervisor.collector import WHILE_STARTING, starting_in_peace


class Idle(Actor[str]):
    def __init__(self, seen: list[tuple[int, int, int]]) -> None:
        seen.append(gc.get_threshold())

    def receive(self, message: str) -> None: ...


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    before, frozen = gc.get_threshold(), gc.get_freeze_count() > 0
    gc.unfreeze()  # conftest freezes what was collected, and `run` leaves a process alone that has frozen anything
    yield
    gc.enable()
    gc.set_threshold(*before)
    gc.unfreeze()
    if frozen:
        gc.freeze()


def tree(seen: list[tuple[int, int, int]]) -> SupervisorSpec:
    return SupervisorSpec("root", [ActorSpec("a", lambda: Idle(seen))])


async def look(root: Supervisor) -> tuple[tuple[int, int, int], bool]:
    return gc.get_threshold(), gc.get_freeze_count() > 0


def test_while_the_tree_of_run_starts_the_collector_passes_rarely() -> None:
    seen: list[tuple[int, int, int]] = []
    run(tree(seen), look)
    assert seen == [WHILE_STARTING]


def test_what_lives_when_it_is_started_is_left_out_until_run_returns() -> None:
    before = gc.get_threshold()
    assert run(tree([]), look) == (before, True)
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)


def test_the_collector_is_put_back_when_the_tree_does_not_start() -> None:
    def broken() -> Any:
        raise ValueError("boom")

    before = gc.get_threshold()
    with pytest.raises(Exception, match="boom"):
        run(SupervisorSpec("root", [ActorSpec("a", broken)]))
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)


def test_a_process_that_has_switched_the_collector_off_keeps_it_so() -> None:
    gc.disable()
    with starting_in_peace() as started:
        started()
        assert gc.get_freeze_count() == 0
    assert not gc.isenabled()


def test_a_process_that_has_set_something_apart_keeps_it_so() -> None:
    gc.freeze()
    with starting_in_peace() as started:
        assert gc.get_threshold() != WHILE_STARTING
        started()
    assert gc.get_freeze_count() > 0


def test_a_process_whose_collector_passes_more_rarely_keeps_its_thresholds() -> None:
    gc.set_threshold(100_000, 5, 5)
    with starting_in_peace() as started:
        assert gc.get_threshold() == (100_000, 5, 5)
        started()
    assert gc.get_threshold() == (100_000, 5, 5)


TOUCHES = ["collect", "disable", "enable", "freeze", "set_threshold", "unfreeze"]


@pytest.mark.anyio
async def test_open_supervisor_never_touches_the_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    touched: list[str] = []
    for name in TOUCHES:
        monkeypatch.setattr(gc, name, lambda *_, name=name: touched.append(name))
    async with open_supervisor(tree([])) as root:
        root.child("a").tell("hello")
    assert touched == []


def test_background_never_touches_the_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    touched: list[str] = []
    for name in TOUCHES:
        monkeypatch.setattr(gc, name, lambda *_, name=name: touched.append(name))
    with background(tree([])) as root:
        root.child("a").tell("hello")
    assert touched == []
