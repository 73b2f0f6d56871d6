"""E. Strategies."""

from __future__ import annotations

import anyio
import pytest

from supervisor import Backoff, Intensity, Restart, RestartIntensityExceeded, Strategy
from supervisor.testing import await_restart, crash
from tests.semantics.actors import (
    LOOSE,
    BoomError,
    Journal,
    Quit,
    actor,
    incarnations,
    opened,
    phases,
    settle,
    tree,
)

pytestmark = pytest.mark.anyio

GROUPS = [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE]
IDS = "dbca"  # on purpose not sorted


@pytest.mark.item(47)
async def test_one_for_one_leaves_the_siblings_alone() -> None:
    journal = Journal()
    async with opened(tree(*(actor(journal, id) for id in IDS))) as root:
        journal.take()
        crash(root.child("b"))
        await await_restart(root.child("b"))
        assert incarnations(root) == {"d": 1, "b": 2, "c": 1, "a": 1}
        assert journal.take() == ["-b", "+b"]


@pytest.mark.item(48, 50, 60)
async def test_one_for_all_stops_all_in_reverse_then_starts_all_in_order() -> None:
    journal = Journal(slow_stop={"a": 1.0, "d": 1.0}, slow_start={"c": 1.0})
    async with opened(tree(*(actor(journal, id) for id in IDS), strategy=Strategy.ONE_FOR_ALL)) as root:
        journal.take()
        crash(root.child("b"))
        await await_restart(root.child("a"))
        assert journal.take() == ["-b", "-a", "-c", "-d", "+d", "+b", "+c", "+a"]
        assert set(incarnations(root).values()) == {2}


@pytest.mark.item(49, 50, 60)
async def test_rest_for_one_restarts_what_was_started_after() -> None:
    journal = Journal(slow_stop={"a": 1.0, "c": 1.0})
    async with opened(tree(*(actor(journal, id) for id in IDS), strategy=Strategy.REST_FOR_ONE)) as root:
        journal.take()
        crash(root.child("b"))
        await await_restart(root.child("a"))
        assert journal.take() == ["-b", "-a", "-c", "+b", "+c", "+a"]
        assert incarnations(root) == {"d": 1, "b": 2, "c": 2, "a": 2}


@pytest.mark.item(50, 61)
@pytest.mark.parametrize("strategy", GROUPS)
async def test_nothing_starts_before_a_slow_sibling_was_killed(strategy: Strategy) -> None:
    journal = Journal(slow_stop={"c": 100.0})
    children = [actor(journal, "a"), actor(journal, "b"), actor(journal, "c", shutdown=3.0)]
    async with opened(tree(*children, strategy=strategy)) as root:
        journal.take()
        began = anyio.current_time()
        crash(root.child("a"))
        await await_restart(root.child("a"))
        assert anyio.current_time() - began == pytest.approx(3.0, abs=0.01)


@pytest.mark.item(51)
@pytest.mark.parametrize("strategy", GROUPS)
async def test_a_temporary_bystander_is_stopped_and_forgotten(strategy: Strategy) -> None:
    journal = Journal()
    children = [actor(journal, "a"), actor(journal, "t", restart=Restart.TEMPORARY), actor(journal, "c")]
    async with opened(tree(*children, strategy=strategy, intensity=Intensity(1, 100.0))) as root:
        journal.take()
        crash(root.child("a"))
        await await_restart(root.child("c"))
        assert journal.take() == ["-a", "-c", "-t", "+a", "+c"]
        assert incarnations(root) == {"a": 2, "c": 2}
        assert root.snapshot().root.restarts_in_window == 1


@pytest.mark.item(52)
@pytest.mark.parametrize("strategy", GROUPS)
async def test_a_temporary_crash_and_a_clean_transient_end_leave_siblings_alone(strategy: Strategy) -> None:
    journal = Journal()
    children = [
        actor(journal, "t", restart=Restart.TEMPORARY),
        actor(journal, "u", restart=Restart.TRANSIENT),
        actor(journal, "c"),
    ]
    async with opened(tree(*children, strategy=strategy)) as root:
        crash(root.child("t"))
        root.child("u").tell(Quit())
        await settle()
        assert incarnations(root) == {"u": 1, "c": 1}
        assert phases(root) == {"u": "stopped", "c": "running"}


@pytest.mark.item(53)
@pytest.mark.parametrize("strategy", GROUPS)
async def test_a_group_restart_starts_whoever_was_stopped_finished_or_ignored(strategy: Strategy) -> None:
    from supervisor.exits import Ignore

    journal = Journal(fail_start={"ignored": [Ignore()]})
    children = [
        actor(journal, "a"),
        actor(journal, "stopped"),
        actor(journal, "finished", restart=Restart.TRANSIENT),
        actor(journal, "ignored"),
    ]
    async with opened(tree(*children, strategy=strategy)) as root:
        await root.terminate_child("stopped")
        root.child("finished").tell(Quit())
        await settle()
        assert root.count_children().active == 1
        crash(root.child("a"))
        await settle()
        assert set(phases(root).values()) == {"running"}


@pytest.mark.item(54)
async def test_one_for_all_retries_the_whole_group_when_one_fails_to_start() -> None:
    journal = Journal(fail_start={"c": [None, BoomError(), None]})
    async with opened(tree(*(actor(journal, id) for id in "abcd"), strategy=Strategy.ONE_FOR_ALL)) as root:
        journal.take()
        crash(root.child("b"))
        await await_restart(root.child("d"))
        assert journal.take() == ["-b", "-d", "-c", "-a", "+a", "+b", "-b", "-a", "+a", "+b", "+c", "+d"]
        assert root.snapshot().root.restarts_in_window == 2


@pytest.mark.item(55)
async def test_rest_for_one_resumes_at_the_one_that_failed_to_start() -> None:
    journal = Journal(fail_start={"c": [None, BoomError(), None]})
    async with opened(tree(*(actor(journal, id) for id in "abcd"), strategy=Strategy.REST_FOR_ONE)) as root:
        journal.take()
        crash(root.child("b"))
        await await_restart(root.child("d"))
        assert journal.take() == ["-b", "-d", "-c", "+b", "+c", "+d"]
        assert incarnations(root) == {"a": 1, "b": 2, "c": 3, "d": 2}
        assert root.snapshot().root.restarts_in_window == 2


@pytest.mark.item(56)
async def test_what_a_retry_looks_like_from_outside() -> None:
    journal = Journal(fail_start={"b": [None] + [BoomError()] * 3})
    children = [
        actor(journal, "a"),
        actor(journal, "b", backoff=Backoff(initial=5.0, maximum=5.0, jitter=0.0)),
        actor(journal, "c"),
    ]
    async with opened(tree(*children, strategy=Strategy.REST_FOR_ONE, intensity=LOOSE)) as root:
        crash(root.child("a"))
        await anyio.sleep(1)
        assert phases(root) == {"a": "running", "b": "restarting", "c": "stopped"}
        count = root.count_children()
        assert (count.specs, count.active, count.supervisors, count.workers) == (3, 1, 0, 3)
        await anyio.sleep(30)
        assert set(phases(root).values()) == {"running"}


@pytest.mark.item(57)
async def test_children_added_later_come_last_and_are_stopped_first() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "z"), strategy=Strategy.ONE_FOR_ALL)) as root:
        for id in "ca":
            await root.start_child(actor(journal, id))
        assert [child.id for child in root.which_children()] == ["z", "c", "a"]
        journal.take()
        crash(root.child("z"))
        await await_restart(root.child("a"))
        assert journal.take() == ["-z", "-a", "-c", "+z", "+c", "+a"]
    assert journal.take() == ["-a", "-c", "-z"]


@pytest.mark.item(58)
async def test_a_restarted_supervisor_forgets_the_children_that_were_added() -> None:
    journal = Journal()
    async with opened(tree(tree(actor(journal, "a"), id="in", intensity=Intensity(0, 1.0)))) as root:
        inner = root.supervisor("in")
        added = await inner.start_child(actor(journal, "b"))
        old = inner.child("a")
        crash(old)
        await await_restart(old, 0)
        await settle()
        assert [child.id for child in inner.which_children()] == ["a"]
        assert inner.child("a") == old
        assert not added.alive
        assert not added.tell("hello")


@pytest.mark.item(59)
async def test_a_group_with_slow_siblings_takes_the_sum_of_their_stops() -> None:
    journal = Journal(slow_stop={"a": 2.0, "b": 3.0, "c": 4.0})
    async with opened(tree(*(actor(journal, id) for id in "abc"), strategy=Strategy.ONE_FOR_ALL)) as root:
        began = anyio.current_time()
        crash(root.child("c"))
        await settle()
        assert phases(root) == {"a": "running", "b": "running", "c": "stopping"}  # c tidies up, within its grace
        await anyio.sleep(4.5)
        assert phases(root) == {"a": "running", "b": "stopping", "c": "restarting"}
        await await_restart(root.child("c"))
        assert anyio.current_time() - began == pytest.approx(9.0, abs=0.1)


@pytest.mark.item(40, 54)
async def test_a_group_that_never_starts_again_exhausts_the_budget() -> None:
    journal = Journal(fail_start={"b": [None] + [BoomError()] * 9})
    with pytest.raises(RestartIntensityExceeded):
        async with opened(
            tree(*(actor(journal, id) for id in "abc"), strategy=Strategy.ONE_FOR_ALL, intensity=Intensity(3, 10.0))
        ) as root:
            crash(root.child("c"))
            await anyio.sleep_forever()
    assert journal.starts == {"a": 4, "b": 4, "c": 1}
    assert journal.lines[-1] == "-a"
