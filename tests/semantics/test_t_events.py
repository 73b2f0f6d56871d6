"""T. Events: what a tree reports, in which order, and that all of it is plain data."""

from __future__ import annotations

import anyio
import msgspec
import pytest

from supervisor import (
    ChildEnded,
    ChildStarted,
    Event,
    Intensity,
    LifeUnstopped,
    RestartIntensityExceeded,
    RestartScheduled,
    StartFailed,
    SupervisorGaveUp,
    Unstopped,
)
from supervisor.testing import crash
from tests.semantics.actors import BoomError, Journal, actor, opened, settle, task, tree

pytestmark = pytest.mark.anyio


def told(journal: Journal) -> list[str]:
    return [f"{type(event).__name__} {event.path}" for event in journal.events]


@pytest.mark.item(205)
async def test_a_crash_is_reported_from_its_end_to_the_next_life() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a")), journal) as root:
        journal.events.clear()
        crash(root.child("a"), BoomError("boom"))
        await settle()
        assert told(journal) == ["ChildEnded root/a", "RestartScheduled root/a", "ChildStarted root/a"]
        [ended], [scheduled], [started] = (journal.of(kind) for kind in (ChildEnded, RestartScheduled, ChildStarted))
        assert (ended.incarnation, ended.reason, ended.restart, ended.abnormal) == (1, "BoomError: boom", "permanent", True)
        assert isinstance(ended.cause, BoomError)
        assert (scheduled.delay, scheduled.failures, scheduled.in_window) == (0.0, 1, 1)
        assert started.incarnation == 2


@pytest.mark.item(205)
async def test_a_failed_start_is_reported_with_its_reason() -> None:
    journal = Journal()
    journal.fail_start["a"] = [None, BoomError("not yet")]
    async with opened(tree(actor(journal, "a")), journal) as root:
        crash(root.child("a"))
        await settle()
    assert [(event.incarnation, event.reason) for event in journal.of(StartFailed)] == [(2, "BoomError: not yet")]


@pytest.mark.item(46, 205)
async def test_giving_up_is_reported_with_the_child_that_was_too_much() -> None:
    journal = Journal()
    with pytest.raises(RestartIntensityExceeded):
        async with opened(tree(actor(journal, "a"), intensity=Intensity(0, 1.0)), journal) as root:
            crash(root.child("a"), BoomError("boom"))
            await anyio.sleep_forever()
    [gave_up] = journal.of(SupervisorGaveUp)
    assert (gave_up.path, gave_up.child, gave_up.reason, gave_up.limit) == ("root", "a", "BoomError: boom", "0 restarts in 1 s")


@pytest.mark.item(206)
async def test_events_of_the_whole_tree_reach_one_sink_as_plain_data() -> None:
    journal = Journal()
    deep = tree(tree(actor(journal, "a"), id="inner"), id="middle")
    async with opened(tree(deep), journal) as root:
        crash(root.supervisor("middle").supervisor("inner").child("a"), BoomError("boom"))
        await settle()
    paths = {event.path for event in journal.events}
    assert {"root", "root/middle", "root/middle/inner", "root/middle/inner/a"} <= paths
    plain = [msgspec.json.decode(msgspec.json.encode(event.to_dict())) for event in journal.events]
    [ended] = [one for one in plain if one["type"] == "ChildEnded" and one["abnormal"]]
    assert "BoomError: boom" in ended["error"]


@pytest.mark.item(207, 208)
async def test_who_waits_for_a_removal_can_limit_the_wait_and_hears_what_did_not_stop() -> None:
    journal = Journal()
    released = anyio.Event()

    async def clings() -> None:
        with anyio.CancelScope(shield=True):
            await released.wait()

    async with opened(tree(task("t", clings, shutdown=1.0)), journal) as root:
        await settle()
        with anyio.move_on_after(0.5) as scope:
            await root.terminate_child("t")
        assert scope.cancelled_caught
        with pytest.raises(Unstopped):
            await root.terminate_child("t")
        assert [event.path for event in journal.of(LifeUnstopped)] == ["root/t"]
        released.set()
        await settle()
        await root.terminate_child("t")


@pytest.mark.item(205)
async def test_every_kind_of_event_says_where_when_and_how_loud() -> None:
    for kind in Event.__subclasses__():
        assert {"path", "at"} <= set(kind.__struct_fields__)
        assert kind._level in {"debug", "info", "warning", "error"}
