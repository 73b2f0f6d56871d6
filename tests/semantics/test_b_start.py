"""B. How a supervisor starts."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from supervisor import (
    Actor,
    ActorSpec,
    Failed,
    Name,
    NameTaken,
    NoSuchActor,
    Restart,
    RestartScheduled,
    StartError,
    StartFailed,
    TaskSpec,
)
from supervisor.exits import Ignore
from supervisor.restart import Phase
from supervisor.testing import await_restart, crash
from tests.semantics.actors import (
    NAME,
    STRICT,
    Boom,
    BoomError,
    Do,
    Get,
    Journal,
    actor,
    info,
    many,
    opened,
    phases,
    settle,
    tree,
)

pytestmark = pytest.mark.anyio


@pytest.mark.item(11)
async def test_children_start_left_to_right_each_after_the_one_before() -> None:
    journal = Journal(slow_start={"c": 3.0, "a": 1.0})
    async with opened(tree(*(actor(journal, id) for id in "cabd"))):
        assert journal.lines == ["+c", "+a", "+b", "+d"]
        assert anyio.current_time() >= 4.0


@pytest.mark.item(11)
async def test_a_task_that_says_when_it_is_ready_is_waited_for() -> None:
    lines: list[str] = []

    async def slow(*, task_status: Any) -> None:
        await anyio.sleep(2)
        lines.append("ready")
        task_status.started("a value nobody wants")
        await anyio.sleep_forever()

    async def quick() -> None:
        lines.append("quick")
        await anyio.sleep_forever()

    async with opened(tree(TaskSpec("a", slow), TaskSpec("b", quick))):
        await settle()
        assert lines == ["ready", "quick"]


@pytest.mark.item(12, 14)
async def test_a_child_that_does_not_start_undoes_those_before_it_in_reverse() -> None:
    error = BoomError("no")
    journal = Journal(fail_start={"c": error}, slow_stop={"b": 1.0})
    with pytest.raises(StartError) as caught:
        async with opened(tree(*(actor(journal, id) for id in "abcd")), journal):
            raise AssertionError
    assert journal.lines == ["+a", "+b", "-b", "-a"]
    assert journal.starts == {"a": 1, "b": 1, "c": 1}
    assert caught.value.path == "root/c"
    assert caught.value.__cause__ is error
    assert caught.value.reason == Failed(error)
    assert error.__traceback__ is not None
    assert len(journal.of(StartFailed)) == 1
    assert not journal.of(RestartScheduled)


@pytest.mark.item(13)
async def test_an_inner_supervisors_error_is_nested() -> None:
    error = BoomError("no")
    journal = Journal(fail_start={"x": error})
    with pytest.raises(StartError) as caught:
        async with opened(tree(actor(journal, "a"), tree(actor(journal, "w"), actor(journal, "x"), id="in"))):
            raise AssertionError
    assert caught.value.path == "root/in"
    inner = caught.value.__cause__
    assert isinstance(inner, StartError)
    assert inner.path == "root/in/x"
    assert inner.__cause__ is error
    assert journal.lines == ["+a", "+w", "-w", "-a"]


@pytest.mark.item(14)
async def test_a_failing_first_start_spends_no_intensity_on_a_later_life() -> None:
    journal = Journal(fail_start={"x": [BoomError()]})
    async with opened(tree(tree(actor(journal, "y"), id="in"), intensity=STRICT)) as root:
        with pytest.raises(StartError):
            await root.start_child(actor(journal, "x"))
        assert root.snapshot().root.restarts_in_window == 0


@pytest.mark.item(17)
@pytest.mark.parametrize("restart", [Restart.PERMANENT, Restart.TRANSIENT])
@pytest.mark.parametrize("how", ["static", "start_child"])
async def test_ignore_keeps_the_spec_without_a_life(restart: Restart, how: str) -> None:
    journal = Journal(fail_start={"a": Ignore()})
    spec = actor(journal, "a", restart=restart, name=NAME)
    async with opened(tree(*[spec] if how == "static" else []), journal) as root:
        if how == "start_child":
            ref = await root.start_child(spec)
            assert not ref.alive
            with pytest.raises(NoSuchActor):
                await ref.ask(Get())
        assert phases(root) == {"a": "stopped"}
        count = root.count_children()
        assert (count.specs, count.active) == (1, 0)
        with pytest.raises(NoSuchActor):
            root.ref(NAME)
        journal.fail_start.clear()
        await root.restart_child("a")
        assert await root.ref(NAME).ask(Get()) == 0


@pytest.mark.item(18)
@pytest.mark.parametrize("how", ["static", "start_child"])
async def test_ignore_forgets_a_temporary_child(how: str) -> None:
    journal = Journal(fail_start={"a": Ignore()})
    spec = actor(journal, "a", restart=Restart.TEMPORARY)
    async with opened(tree(*[spec] if how == "static" else [])) as root:
        if how == "start_child":
            await root.start_child(spec)
        assert root.which_children() == []


@pytest.mark.item(19)
@pytest.mark.parametrize("restart", list(Restart))
async def test_ignore_leaves_nothing_in_a_dynamic_supervisor(restart: Restart) -> None:
    journal = Journal(fail_start={"a": Ignore()})
    async with opened(many()) as root:
        ref = await root.start_child(actor(journal, "a", restart=restart))
        assert not ref.alive
        assert root.which_children() == []


@pytest.mark.item(17)
async def test_ignore_from_the_factory_counts_too() -> None:
    def make() -> Actor[object]:
        raise Ignore

    async with opened(tree(ActorSpec("a", make))) as root:
        assert info(root, "a").phase is Phase.STOPPED


@pytest.mark.item(17, 158)
async def test_who_waits_for_a_life_that_ignores_hears_of_its_end() -> None:
    journal, ended = Journal(), []

    class Swallows(Actor[str]):
        async def on_start(self) -> None:
            try:
                await anyio.sleep_forever()
            except anyio.get_cancelled_exc_class():
                raise Ignore from None

    async with opened(tree(actor(journal, "w"))) as root, anyio.create_task_group() as group:

        async def start() -> None:
            await root.start_child(ActorSpec("a", Swallows))
            ended.append("start")

        group.start_soon(start)
        await settle()
        await root.child("w").ask(Do(lambda me: me.monitor(root.child("a"))))
        with anyio.fail_after(20):
            await root.child("a").stop()
        await settle()
        assert ended == ["start"]
        assert "w: Down a 1 normal" in journal.lines


@pytest.mark.item(21, 41)
@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("how", ["on_start", "factory", "rubbish"])
async def test_a_failed_start_child_leaves_nothing(dynamic: bool, how: str) -> None:
    journal = Journal(fail_start={"a": BoomError()})

    def make() -> Any:
        if how == "factory":
            raise BoomError
        return "rubbish"

    spec: Any = actor(journal, "a", name=NAME) if how == "on_start" else ActorSpec("a", make, name=NAME)
    root_spec = many(intensity=STRICT) if dynamic else tree(actor(journal, "b"), intensity=STRICT)
    async with opened(root_spec) as root:
        before = [child.id for child in root.which_children()]
        for _ in range(20):
            with pytest.raises(StartError) as caught:
                await root.start_child(spec)
            assert isinstance(caught.value.__cause__, TypeError if how == "rubbish" else BoomError)
            assert [child.id for child in root.which_children()] == before
            with pytest.raises(NoSuchActor):
                root.ref(NAME)
        assert root.snapshot().root.restarts_in_window == 0


@pytest.mark.item(22, 128)
async def test_a_name_that_is_taken_starts_nothing() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", name=NAME), many("m"))) as root:
        for supervisor in (root, root.supervisor("m")):
            with pytest.raises(NameTaken) as caught:
                await supervisor.start_child(actor(journal, "b", name=NAME))
            assert caught.value.owner == "root/a"
        assert journal.lines == ["+a"]
        assert set(phases(root)) == {"a", "m"}
        assert await root.ref(NAME).ask(Get()) == 0


@pytest.mark.item(22, 128)
async def test_a_supervisor_with_a_taken_name_inside_does_not_start_and_keeps_no_name() -> None:
    journal, other = Journal(), Name[Any]("other")
    inner = tree(actor(journal, "x", name=other), actor(journal, "y", name=NAME), id="in")
    async with opened(tree(actor(journal, "a", name=NAME))) as root:
        with pytest.raises(StartError) as caught:
            await root.start_child(inner)
        assert isinstance(caught.value.__cause__, NameTaken)
        assert journal.lines == ["+a"]
        with pytest.raises(NoSuchActor):
            root.ref(other)
        await root.terminate_child("a")
        await root.start_child(inner)
        assert await root.ref(NAME).ask(Get()) == 0


@pytest.mark.item(24, 86)
async def test_a_stopped_supervisor_answers_at_once() -> None:
    journal = Journal()
    async with opened(tree(tree(actor(journal, "x"), id="in"))) as root:
        inner = root.supervisor("in")
        await root.terminate_child("in")
        began = anyio.current_time()
        for call in (
            lambda: inner.start_child(actor(journal, "y")),
            lambda: inner.terminate_child("x"),
            lambda: inner.restart_child("x"),
            lambda: inner.delete_child("x"),
            inner.stop,
            inner.wait,
        ):
            with pytest.raises(NoSuchActor):
                await call()
        assert anyio.current_time() == began
    for call in (lambda: root.start_child(actor(journal, "y")), root.stop):
        with pytest.raises(NoSuchActor):
            await call()


@pytest.mark.item(25)
async def test_a_supervisor_that_stops_takes_no_child() -> None:
    journal = Journal(slow_stop={"a": 3.0})
    async with opened(tree(actor(journal, "a"))) as root, anyio.create_task_group() as group:
        group.start_soon(root.stop)
        await settle()
        with pytest.raises(NoSuchActor):
            await root.start_child(actor(journal, "b", name=NAME))
        assert set(phases(root)) == {"a"}
    assert journal.lines == ["+a", "-a"]


@pytest.mark.item(90)
async def test_a_child_may_ask_its_own_supervisor_while_it_starts() -> None:
    journal = Journal()

    class Parent(Actor[str]):
        async def on_start(self) -> None:
            await self.context.supervisor.start_child(actor(journal, "b"))

    async with opened(tree(ActorSpec("a", Parent))) as root:
        assert phases(root) == {"a": "running", "b": "running"}


@pytest.mark.item(131)
async def test_what_is_told_before_the_start_is_over_is_handled_after_it() -> None:
    journal = Journal(slow_start={"a": 3.0})
    async with opened(tree()) as root, anyio.create_task_group() as group:
        group.start_soon(root.start_child, actor(journal, "a"))
        await settle()
        assert root.child("a").tell("early")
        assert await root.child("a").ask(Get(), timeout=10) == 1
    assert journal.lines == ["+a", "a: early", "-a"]


@pytest.mark.item(14)
async def test_a_stop_by_a_significant_or_failing_sibling_during_the_start_is_no_hang() -> None:
    journal = Journal(slow_start={"b": 5.0})
    with pytest.raises(StartError):
        async with opened(tree(actor(journal, "a"), actor(journal, "b", start_timeout=1.0))) as root:
            root.child("a").tell(Boom())


@pytest.mark.item(20)
async def test_what_a_task_says_when_it_is_ready_is_passed_on_and_anew_at_a_restart() -> None:
    ports = iter([8001, 8002])

    async def server(*, task_status: Any) -> None:
        task_status.started(next(ports))
        await anyio.sleep_forever()

    async with opened(tree(many())) as root:
        group = root.supervisor("many")
        ref = await group.start_child(TaskSpec("server", server))
        assert [child.info for child in group.which_children()] == [8001]
        crash(ref)
        await await_restart(ref, 1)
        assert [child.info for child in group.which_children()] == [8002]
        await group.terminate_child(ref)


@pytest.mark.item(23)
async def test_one_spec_opened_twice_at_once_gives_two_trees() -> None:
    journal = Journal()
    spec = tree(actor(journal, "a", name=NAME))
    async with opened(spec) as one, opened(spec) as other:
        assert one.ref(NAME) != other.ref(NAME)
        crash(one.child("a"))
        await settle()
        assert (info(one, "a").incarnation, info(other, "a").incarnation) == (2, 1)
