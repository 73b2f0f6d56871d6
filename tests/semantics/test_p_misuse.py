"""P. Structured concurrency: what is refused, and whom it hurts."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from supervisor import (
    Actor,
    ActorCrashed,
    ActorSpec,
    AskTimeout,
    ChildEnded,
    ChildNotFound,
    Name,
    RestartIntensityExceeded,
    Shutdown,
    SinkFailed,
    SpecError,
    StartError,
    SupervisorSpec,
    TaskSpec,
    open_supervisor,
    run,
)
from tests.semantics.actors import BoomError, Do, Get, Journal, Note, Recorder, actor, many, opened, settle, sleep, tree

pytestmark = pytest.mark.anyio


@pytest.mark.item(90, 139)
@pytest.mark.parametrize("how", ["stop", "terminate", "terminate above", "root", "wait"])
async def test_waiting_for_ones_own_end_is_refused(how: str) -> None:
    from supervisor import AskedSelf

    journal = Journal()

    async def act(me: Recorder, root: Any) -> None:
        match how:
            case "stop":
                await me.context.ref.stop()
            case "terminate":
                await me.context.supervisor.terminate_child("a")
            case "terminate above":
                await root.terminate_child("in")
            case "root":
                await root.stop()
            case "wait":
                await root.wait()

    async with opened(tree(tree(actor(journal, "a", shutdown=float("inf")), id="in"))) as root:
        with pytest.raises(ActorCrashed) as caught:
            await root.supervisor("in").child("a").ask(Do(lambda me: act(me, root)))
        assert isinstance(caught.value.__cause__, AskedSelf)


@pytest.mark.item(139)
async def test_a_spawned_task_may_stop_what_it_is_part_of() -> None:
    journal = Journal()

    async def stop(me: Recorder) -> None:
        await me.context.supervisor.stop()

    async with opened(tree(actor(journal, "a"))) as root:
        root.child("a").tell(Do(lambda me: me.spawn(stop, me)))
        assert await root.wait() == Shutdown()
    assert journal.lines == ["+a", "-a"]


@pytest.mark.item(153)
async def test_a_stop_with_what_is_no_exit_reason_leaves_the_life_alone() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        with pytest.raises(TypeError, match="exit reason"):
            await root.child("a").stop("now")
        assert await root.child("a").ask(Get()) == 0


@pytest.mark.item(125, 162)
async def test_an_actor_whose_annotation_cannot_be_read_fails_alone() -> None:
    class Odd(Actor["Nowhere"]):
        def receive(self, message: object) -> None: ...

    with pytest.raises(StartError) as caught:
        async with opened(tree(ActorSpec("a", Odd))):
            raise AssertionError
    assert isinstance(caught.value.__cause__, NameError)


# ---------------------------------------------------------------------------------------------------- specs


async def _of(what: str, *, task_status: Any = None) -> None: ...


async def _first(task_status: Any, /) -> None: ...


class _Worker:
    async def work(self, what: str) -> None: ...

    async def rest(self, what: str = "") -> None: ...


@pytest.mark.parametrize(
    "function",
    [_of, _first, partial(_of, task_status=1), lambda what: sleep(), _Worker().work, partial(_Worker().work)],
)
def test_a_task_that_needs_what_it_will_not_get_is_refused_when_its_spec_is_built(function: Any) -> None:
    with pytest.raises(SpecError, match=r"TaskSpec\('t'\).run is .*(what|task_status).*give functools.partial\(") as caught:
        TaskSpec("t", function)
    assert caught.value.value is function


class _Secretive:
    """A callable that does not say what it takes."""

    @property
    def __signature__(self) -> Any:
        raise RuntimeError

    async def __call__(self, what: str) -> None: ...


@pytest.mark.parametrize(
    "function",
    [
        partial(_of, "x"),
        lambda *some, **more: sleep(),
        _Secretive(),
        partial(_of, what="x"),
        _Worker().rest,
        partial(_Worker().work, "x"),
    ],
)
def test_a_task_that_can_be_called_is_welcome(function: Any) -> None:
    assert TaskSpec("t", function).run is function


@pytest.mark.parametrize("children", [{"a": ActorSpec("a", dict)}, "abc", b"abc", None, 3])
def test_children_that_are_no_list_are_named(children: Any) -> None:
    with pytest.raises(SpecError, match=r"SupervisorSpec.children is .*; expected a list of specs, such as \[ActorSpec"):
        SupervisorSpec("s", children)


@pytest.mark.parametrize("store", ["x.sqlite", Path("x.sqlite")])
def test_the_path_of_a_store_is_told_what_makes_one_of_it(store: Any) -> None:
    with pytest.raises(SpecError, match=r"a Store; for a file, SqliteStore\('x.sqlite'\)"):
        SupervisorSpec("s", store=store)


async def test_an_actor_that_is_made_once_is_told_what_to_give() -> None:
    journal = Journal()
    one = Recorder("one", journal)
    with pytest.raises(StartError, match=r"ActorSpec\('b', Recorder\) or functools.partial\(Recorder, ...\), not lambda: one"):
        async with opened(tree(ActorSpec("a", lambda: one), ActorSpec("b", lambda: one))):
            raise AssertionError


# ---------------------------------------------------------------------------------------------------- functions


def _five(*_: object) -> Any:
    return 5


async def test_a_task_that_is_not_async_fails_with_its_name() -> None:
    with pytest.raises(RestartIntensityExceeded, match=r"TaskSpec\('t'\).run returned 5; expected an async function"):
        async with opened(tree(TaskSpec("t", _five))):
            await anyio.sleep_forever()


async def crash_of(action: Callable[[Recorder], object]) -> str:
    """What an actor fails with that does something in a handler, or in the background."""
    journal = Journal()
    async with opened(tree(actor(journal, "a")), journal) as root:
        root.child("a").tell(Do(action))
        await settle()
        assert root.which_children()[0].incarnation == 2  # and the next life is none the worse for it
        (ended,) = journal.of(ChildEnded)
        return str(ended.reason)


async def test_spawn_wants_an_async_function() -> None:
    assert "root/a: spawn(_five) returned 5; expected an async function" in await crash_of(lambda me: me.spawn(_five))
    given = sleep()
    try:
        said = await crash_of(lambda me: me.spawn(given))
    finally:
        given.close()
    assert "root/a: spawn() got <coroutine object sleep" in said
    assert "give the function itself, not what it returned" in said


async def test_a_job_wants_an_async_function() -> None:
    async with opened(tree(many("jobs"))) as root:
        tasks = root.tasks("jobs")
        with pytest.raises(TypeError, match="the job _five returned 5; expected an async function"):
            await tasks.run(_five)
        given: Any = sleep()
        for misuse in (tasks.start, tasks.run):
            with pytest.raises(TypeError, match=r"a job got <coroutine object .*give the function itself"):
                await misuse(given)
        with pytest.raises(TypeError, match=r"a job got <coroutine object .*give the function itself"):
            tasks.stream(given, [])
        given.close()


@pytest.fixture(params=["trio", "asyncio"])
def backend(request: pytest.FixtureRequest) -> str:
    return request.param


async def _rootless() -> None: ...


def test_run_wants_an_async_main_that_takes_the_root(backend: str) -> None:
    journal = Journal()
    spec: Any = tree(actor(journal, "a"))
    for main in (_rootless, 3):
        with pytest.raises(
            SpecError, match=r"main is .* expected an async function that takes the root, async def main\(root\)"
        ):
            run(spec, main, backend=backend)
    called: Any = _rootless()
    with pytest.raises(SpecError, match="the function itself, not what it returned"):
        run(spec, called, backend=backend)
    called.close()
    assert journal.lines == []
    with pytest.raises(TypeError, match="main returned 5; expected an async function"):
        run(spec, _five, backend=backend)
    assert journal.lines == ["+a", "-a"]


async def test_run_inside_a_running_loop_says_what_to_use_there() -> None:
    with pytest.raises(
        RuntimeError, match=r"a loop that runs; use open_supervisor here: async with open_supervisor\(spec\) as root"
    ):
        run(tree(), _opened_by)


async def _opened_by(root: Any) -> None: ...


def test_a_tree_that_is_not_open_says_how_it_is_opened() -> None:
    unopened: Any = open_supervisor(tree())
    with pytest.raises(AttributeError, match=r"no 'ref': it is opened by `async with open_supervisor\(...\) as root:`"):
        unopened.ref(Name("a"))


# ---------------------------------------------------------------------------------------------------- who and what


async def test_an_actor_is_no_supervisor_and_a_task_is_none() -> None:
    async with opened(tree(actor(Journal(), "a"), TaskSpec("t", sleep))) as root:
        for wanted in (root.supervisor, root.tasks):
            with pytest.raises(
                ChildNotFound, match=r"root has no supervisor 'a': that is an actor; child\('a'\) gives its ref"
            ):
                wanted("a")
            with pytest.raises(ChildNotFound, match=r"'t': that is a task; child\('t'\) gives its ref"):
                wanted("t")
            with pytest.raises(ChildNotFound, match="root has no child 'x'; which_children"):
                wanted("x")


async def test_the_root_says_what_it_wants_instead_of_a_text() -> None:
    misuses: list[tuple[Callable[[Any], Any], str]] = [
        (lambda root: root.ref("q"), r"root: ref\(\) got 'q'; expected a Name, such as Name\('account'\)"),
        (lambda root: root.publish("q", 1), r"publish\(\) got 'q'; expected a Topic, such as Topic\('ticks'\)"),
        (lambda root: root.subscription("q"), r"root: subscription\(\) got 'q'; expected a Topic"),
    ]
    async with opened(tree()) as root:
        for misuse, why in misuses:
            with pytest.raises(TypeError, match=why):
                misuse(root)


async def test_what_is_no_child_is_refused_where_one_is_to_change() -> None:
    async with opened(tree(tree(id="in"))) as root:
        child: Any
        for child in (3, root.supervisor("in")):
            for change in (root.terminate_child, root.restart_child, root.delete_child):
                with pytest.raises(TypeError, match=r"root: \w+_child\(\) got .*; expected the id or the ref of a child"):
                    await change(child)
        assert root.child("in").alive


@pytest.mark.parametrize(
    ("misuse", "why"),
    [
        (lambda me: me.lookup("q"), "lookup() got 'q'; expected a Name, such as Name('account')"),
        (lambda me: me.link("q"), "link() got 'q'; expected a ref"),
        (lambda me: me.unlink("q"), "unlink() got 'q'; expected a ref"),
        (lambda me: me.monitor("q"), "monitor() got 'q'; expected a ref"),
        (lambda me: me.watch("q"), "watch() got 'q'; expected a ref"),
        (lambda me: me.subscribe("q"), "subscribe() got 'q'; expected a Topic, such as Topic('ticks')"),
        (lambda me: me.unsubscribe("q"), "unsubscribe() got 'q'; expected a Topic"),
        (lambda me: me.publish("q", 1), "publish() got 'q'; expected a Topic"),
        (lambda me: me.after("1", 1), "sets a timer of '1' s; expected seconds from 0"),
        (lambda me: me.every(None, 1), "sets a timer of None s; expected seconds from 0"),
        (lambda me: me.idle_after([], 1), "sets a timer of [] s; expected seconds from 0"),
        (lambda me: me.after(math.nan, 1), "sets a timer of nan s; expected seconds from 0"),
        (lambda me: me.recall(5), "root/a: recall() got 5; expected the class of what was remembered"),
        (lambda me: me.recall(int | str), "root/a: recall() got int | str; expected the class"),
        (lambda me: me.recall_all("Balance"), "root/a: recall_all() got 'Balance'; expected the class"),
        (lambda me: me.remember(object()), "root/a: remember() got a object that cannot be encoded"),
        (lambda me: me.remember(1, 3), "root/a: remember(key=) got 3; expected a text"),
        (lambda me: me.recall(int, 3), "root/a: recall(key=) got 3; expected a text"),
        (lambda me: me.forget(3), "root/a: forget(key=) got 3; expected a text"),
    ],
)
async def test_an_actor_that_gives_the_wrong_thing_is_told_what_to_give(misuse: Any, why: str) -> None:
    assert why in await crash_of(misuse)


async def test_what_can_be_remembered_is_said() -> None:
    assert "give numbers, texts, lists, mappings, or a msgspec Struct" in await crash_of(lambda me: me.remember({"a": sleep}))
    assert "cannot be encoded" in await crash_of(lambda me: me.remember(2**64))


async def test_a_class_with_parameters_can_be_recalled() -> None:
    async with opened(tree(actor(Journal(), "a"))) as root:

        def act(me: Recorder) -> object:
            me.remember([1, 2])
            return me.recall(list[int])

        assert await root.child("a").ask(Do(act)) == [1, 2]


# ---------------------------------------------------------------------------------------------------- messages


async def test_a_class_instead_of_a_message_is_told_what_to_give() -> None:
    async with opened(tree(actor(Journal(), "a"))) as root:
        a: Any = root.child("a")
        why = r"root/a does not accept a class; it is an Actor\[.*\]: give Get\(...\), not the class"
        with pytest.raises(TypeError, match=why):
            a.tell(Get)
        with pytest.raises(TypeError, match=why):
            await a.ask(Get)


@pytest.mark.parametrize(("id", "kind"), [("in", "supervisor"), ("jobs", "supervisor"), ("t", "task")])
async def test_who_takes_no_messages_is_named(id: str, kind: str) -> None:
    async with opened(tree(tree(id="in"), many("jobs"), TaskSpec("t", sleep))) as root:
        ref = root.child(id)
        for misuse in (ref.ask, ref.send):
            with pytest.raises(TypeError, match=f"root/{id} is a {kind}; it takes no messages"):
                await misuse(Get())
        with pytest.raises(TypeError, match=f"root/{id} is a {kind}; it takes no messages"):
            ref.tell(Get())


@pytest.mark.parametrize("seconds", [0, -1, -0.5, "1", math.nan, True, 10**400])
async def test_an_expiry_is_a_time_above_0(seconds: Any) -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        with pytest.raises(
            ValueError, match=r"root/a: tell\(expires=\) got .*; expected seconds above 0, such as 5.0, or None"
        ):
            root.child("a").tell(Note("no"), expires=seconds)
        root.child("a").tell(Note("yes"), expires=math.inf)
        assert await root.child("a").ask(Get()) == 1


@pytest.mark.parametrize("seconds", [-1, -0.5, "1", math.nan, True, 10**400])
async def test_a_timeout_is_a_time_from_0(seconds: Any) -> None:
    async with opened(tree(actor(Journal(), "a"))) as root:
        with pytest.raises(ValueError, match=r"root/a: ask\(timeout=\) got .*; expected seconds from 0, such as 5.0, or None"):
            await root.child("a").ask(Get(), timeout=seconds)
        for good in (5, 0.5, math.inf, None):
            assert isinstance(await root.child("a").ask(Get(), timeout=good), int)


async def test_a_timeout_of_0_ends_an_ask_that_has_to_wait() -> None:
    async with opened(tree(actor(Journal(), "a"))) as root:
        with pytest.raises(AskTimeout):
            await root.child("a").ask(Do(lambda _: anyio.sleep(1.0)), timeout=0)


# ---------------------------------------------------------------------------------------------------- sinks


async def _async_sink(event: object) -> None: ...


async def _generating_sink(event: object) -> AsyncIterator[None]:
    yield


class _AsyncSink:
    async def __call__(self, event: object) -> None: ...


@pytest.mark.parametrize("sink", [_async_sink, _generating_sink, _AsyncSink(), partial(_async_sink)])
async def test_an_async_sink_is_refused(sink: Any) -> None:
    with pytest.raises(SpecError, match=r"sinks is .*; expected functions that are not async"):
        async with open_supervisor(tree(), sinks=[sink]):
            raise AssertionError


@pytest.mark.parametrize("kind", ["cancelled", "generator exit"])
async def test_a_cancellation_out_of_a_sink_is_the_failure_of_the_sink(kind: str) -> None:
    journal, events = Journal(), list[Any]()
    with anyio.CancelScope() as scope:
        scope.cancel()
        try:
            await anyio.lowlevel.checkpoint()
        except anyio.get_cancelled_exc_class() as error:
            cancelled: BaseException = error
    raised = cancelled if kind == "cancelled" else GeneratorExit()

    def broken(event: object) -> None:
        raise raised

    async with open_supervisor(tree(actor(journal, "a")), sinks=[broken, events.append, broken]) as root:
        assert await root.child("a").ask(Get()) == 0
    assert journal.lines == ["+a", "-a"]
    assert any(isinstance(one, SinkFailed) for one in events)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
async def test_an_interrupt_of_a_sink_ends_the_tree_in_order(kind: type[BaseException]) -> None:
    journal = Journal()

    def broken(event: object) -> None:
        if isinstance(event, ChildEnded) and not journal.events:
            journal.events.append(event)
            raise kind

    with pytest.raises(kind):
        async with open_supervisor(tree(actor(journal, "a"), actor(journal, "b")), sinks=[broken]) as root:
            root.child("b").tell(Do(_fail))
            await anyio.sleep_forever()
    assert journal.lines[:2] == ["+a", "+b"]
    assert journal.lines[-1] == "-a"


def _fail(_: object) -> None:
    raise BoomError
