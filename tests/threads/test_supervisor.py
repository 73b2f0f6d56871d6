"""`BlockingSupervisor`: the verbs of a supervisor, without await."""

from __future__ import annotations

import contextvars

import pytest

from supervisor import (
    BlockingRef,
    BlockingSupervisor,
    ChildAlreadyStarted,
    ChildCount,
    ChildNotFound,
    ChildRunning,
)
from tests.semantics.actors import Do, Get, Journal, actor, many
from tests.threads.support import opened, until

pytestmark = pytest.mark.real_time


def test_children_are_added_listed_restarted_and_taken_away(backend: str) -> None:
    journal = Journal()
    with opened(backend, journal, actor(journal, "a")) as root:
        added = root.start_child(actor(journal, "b"))
        assert isinstance(added, BlockingRef)
        assert root.get_childspec("b").id == "b"
        assert [(info.id, info.kind, info.phase.value, info.incarnation, info.ref) for info in root.which_children()] == [
            ("a", "actor", "running", 1, root.child("a")),
            ("b", "actor", "running", 1, added),
        ]
        with pytest.raises(ChildRunning):
            root.delete_child(added)
        root.terminate_child(added)
        assert root.restart_child("b") == added
        root.terminate_child("b")
        root.delete_child(added)
        with pytest.raises(ChildNotFound):
            root.child("b")
    assert journal.lines == ["+a", "+b", "-b", "+b", "-b", "-a"]


def test_an_id_that_is_taken_names_who_has_it(backend: str) -> None:
    journal = Journal()
    with opened(backend, journal, actor(journal, "a")) as root:
        with pytest.raises(ChildAlreadyStarted) as caught:
            root.start_child(actor(journal, "a"))
        assert caught.value.ref.ask(Get()) == 0


def test_a_nested_supervisor_has_a_handle_of_its_own(backend: str) -> None:
    journal = Journal()
    with opened(backend, journal, many("pool"), actor(journal, "a")) as root:
        pool = root.supervisor("pool")
        assert isinstance(pool, BlockingSupervisor)
        assert pool.path == "root/pool"
        for id in "xy":
            pool.start_child(actor(journal, id))
        assert pool.count_children() == ChildCount(2, 2, 0, 2)
        with pytest.raises(ChildNotFound):
            root.supervisor("a")
        pool.stop()
        until(lambda: pool.which_children() == [] and root.child("pool").alive)
    assert journal.lines[:3] == ["+a", "+x", "+y"]
    assert sorted(journal.lines[3:5]) == ["-x", "-y"]


def test_a_child_started_from_a_thread_inherits_nothing_of_it(backend: str) -> None:
    journal, seen = Journal(), []
    variable = contextvars.ContextVar("variable", default="nothing")
    variable.set("of the caller")
    with opened(backend, journal) as root:
        root.start_child(actor(journal, "a")).ask(Do(lambda _: seen.append(variable.get())))
    assert seen == ["nothing"]
