"""What others fell into (`traps.md` in the project's references): the same scenarios, the opposite outcome."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.lowlevel
import pytest

from supervisor import (
    Actor,
    ActorCrashed,
    ActorSpec,
    AskTimeout,
    Backoff,
    ChildEnded,
    Exhausted,
    Intensity,
    Mailbox,
    NoSuchActor,
    Restart,
    RestartIntensityExceeded,
    RestartScheduled,
    Shutdown,
    StartError,
    Strategy,
    TaskSpec,
    Unstopped,
)
from supervisor.spec import Scope
from supervisor.testing import await_restart, crash, kill
from tests.semantics.actors import (
    Boom,
    BoomError,
    Do,
    Get,
    Journal,
    Quit,
    Recorder,
    Sleep,
    Who,
    actor,
    incarnations,
    many,
    opened,
    phases,
    settle,
    sleep,
    tree,
)

pytestmark = pytest.mark.anyio


async def test_triotp_1_a_temporary_child_that_raises_hurts_nobody() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"), actor(journal, "b", restart=Restart.TEMPORARY))) as root:
        root.child("b").tell(Boom())
        await settle()
        assert incarnations(root) == {"a": 1}


async def test_triotp_2_a_permanent_child_that_keeps_returning_is_a_failure() -> None:
    async def done() -> None:
        await anyio.lowlevel.checkpoint()

    with pytest.raises(RestartIntensityExceeded):
        async with opened(tree(TaskSpec("a", done))):
            await anyio.sleep_forever()


async def test_triotp_3_a_late_reply_hurts_nobody() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        with pytest.raises(AskTimeout):
            await root.child("a").ask(Sleep(2.0), timeout=1.0)
        await anyio.sleep(5)
        assert await root.child("a").ask(Who()) == 1


async def test_triotp_4_an_error_in_an_ask_without_timeout_reaches_the_asker() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        with pytest.raises(ActorCrashed):
            await root.child("a").ask(Boom(), timeout=None)


async def test_triotp_5_the_timeout_covers_the_queue() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        root.child("a").tell(Sleep(1000.0))
        with pytest.raises(AskTimeout):
            await root.child("a").ask(Get(), timeout=0.1)
        assert anyio.current_time() == pytest.approx(0.1, abs=0.01)
        await root.terminate_child("a")


async def test_triotp_6_an_actor_may_tell_itself_and_two_may_tell_each_other() -> None:
    journal = Journal()

    def tell(id: str) -> Do:
        return Do(lambda me: me.context.supervisor.child(id).tell(f"from {me.id}"))

    async with opened(tree(actor(journal, "a"), actor(journal, "b"))) as root:
        for id in "ab":
            for to in "ab":
                root.child(id).tell(tell(to))
        await settle()
    assert sorted(journal.lines[2:-2]) == ["a: from a", "a: from b", "b: from a", "b: from b"]


async def test_triotp_7_the_error_of_a_start_is_the_one_that_is_raised() -> None:
    error = BoomError("the real one")
    with pytest.raises(StartError) as caught:
        async with opened(tree(actor(Journal(fail_start={"a": error}), "a"))):
            pass
    assert caught.value.__cause__ is error


async def test_triotp_8_on_stop_runs_when_the_tree_is_cancelled() -> None:
    journal = Journal()
    with anyio.move_on_after(1):
        async with opened(tree(actor(journal, "a"))):
            await anyio.sleep_forever()
    assert journal.reasons == {"a": [Shutdown()]}


async def test_otpylib_1_restart_types_are_read() -> None:
    journal = Journal()
    spec = tree(actor(journal, "t", restart=Restart.TEMPORARY), actor(journal, "p"))
    async with opened(spec) as root:
        crash(root.child("t"))
        kill(root.child("p"))
        await settle()
        assert incarnations(root) == {"p": 2}


async def test_otpylib_3_an_ask_loses_no_message_of_the_asker() -> None:
    journal = Journal()

    async def ask(me: Recorder) -> None:
        await me.context.supervisor.child("b").ask(Sleep(2.0))

    async with opened(tree(actor(journal, "a"), actor(journal, "b"))) as root:
        ref = root.child("a")
        ref.tell(Do(ask))
        await settle()
        for text in "123":
            ref.tell(text)
        await anyio.sleep(3)
    assert [line for line in journal.lines if line.startswith("a: ")] == ["a: 1", "a: 2", "a: 3"]


async def test_otpylib_5_a_restart_that_fails_is_tried_again() -> None:
    journal = Journal(fail_start={"a": [None, BoomError(), None]})
    async with opened(tree(actor(journal, "a"))) as root:
        crash(root.child("a"))
        assert await await_restart(root.child("a")) == 3


async def test_otpylib_6_a_group_restart_counts_once_and_too_many_are_no_normal_end() -> None:
    journal = Journal()
    spec = tree(*(actor(journal, id) for id in "abcd"), strategy=Strategy.ONE_FOR_ALL, intensity=Intensity(1, 10.0))
    with pytest.raises(RestartIntensityExceeded):
        async with opened(spec) as root:
            crash(root.child("a"))
            await await_restart(root.child("d"))
            assert set(incarnations(root).values()) == {2}
            crash(root.child("a"))
            await anyio.sleep_forever()


async def test_fauxtp_1_a_start_that_always_fails_is_bounded() -> None:
    journal = Journal(fail_start={"a": [None] + [BoomError()] * 10_000})
    with pytest.raises(RestartIntensityExceeded):
        async with opened(tree(actor(journal, "a"))) as root:
            crash(root.child("a"))
            await anyio.sleep_forever()
    assert journal.starts == {"a": 6}


async def test_fauxtp_2_an_ask_of_the_dead_does_not_wait_and_a_tell_is_not_accepted() -> None:
    journal = Journal()
    async with opened(many()) as root:
        ref = await root.start_child(actor(journal, "a", restart=Restart.TEMPORARY))
        kill(ref)
        await settle()
        with pytest.raises(NoSuchActor):
            await ref.ask(Get(), timeout=1000.0)
        assert not ref.tell("x")
        assert anyio.current_time() < 0.1


async def test_fauxtp_3_an_actor_with_background_work_that_stops_itself_ends() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", restart=Restart.TRANSIENT))) as root:
        await root.child("a").ask(Do(lambda me: me.spawn(sleep)))
        root.child("a").tell(Quit())
        await settle()
        assert phases(root) == {"a": "stopped"}


async def test_fauxtp_4_background_work_that_fails_hurts_no_sibling() -> None:
    journal = Journal()

    async def fail() -> None:
        raise BoomError

    async with opened(tree(actor(journal, "a"), actor(journal, "b"))) as root:
        await root.child("a").ask(Do(lambda me: me.spawn(fail)))
        await settle()
        assert incarnations(root) == {"a": 2, "b": 1}


async def test_fauxtp_6_cancellation_is_not_swallowed() -> None:
    with anyio.move_on_after(1) as scope:
        async with opened(tree(TaskSpec("a", sleep))):
            await anyio.sleep_forever()
    assert scope.cancelled_caught


async def test_mode_1_the_budget_is_what_it_says() -> None:
    journal = Journal()
    with pytest.raises(RestartIntensityExceeded):
        async with opened(tree(actor(journal, "a"), intensity=Intensity(3, 10.0))) as root:
            for expected in (2, 3, 4):
                crash(root.child("a"))
                assert await await_restart(root.child("a")) == expected
                await anyio.sleep(0.001)
            crash(root.child("a"))
            await anyio.sleep_forever()


async def test_mode_3_a_child_that_crashes_while_another_restarts_is_not_forgotten() -> None:
    journal = Journal(slow_start={"a": 1.0}, slow_stop={"a": 1.0})
    async with opened(tree(actor(journal, "a"), actor(journal, "b"))) as root:
        crash(root.child("a"))
        await settle()
        began = anyio.current_time()
        crash(root.child("b"))
        await await_restart(root.child("b"))
        assert anyio.current_time() == began


async def test_mode_4_a_stop_of_who_will_not_end_says_so_and_a_cancelled_one_is_cancelled() -> None:
    release = anyio.Event()

    async def stubborn() -> None:
        with anyio.CancelScope(shield=True):
            await release.wait()

    async with opened(tree(TaskSpec("a", stubborn, shutdown=5.0))) as root:
        await settle()
        with anyio.move_on_after(1) as scope:
            await root.terminate_child("a")
        assert scope.cancelled_caught
        with pytest.raises(Unstopped):
            await root.terminate_child("a")
        release.set()


async def test_mode_5_a_task_that_returns_is_not_running() -> None:
    async def done() -> None:
        return

    async with opened(tree(TaskSpec("a", done, restart=Restart.TRANSIENT))) as root:
        await settle()
        assert phases(root) == {"a": "stopped"}


async def test_domo_1_thousands_of_queued_asks_are_answered() -> None:
    journal, answers = Journal(), []

    async with opened(tree(actor(journal, "a"))) as root, anyio.create_task_group() as group:

        async def ask() -> None:
            answers.append(await root.child("a").ask(Get(), timeout=100.0))

        root.child("a").tell(Sleep(1.0))
        for _ in range(3000):
            group.start_soon(ask)
    assert sorted(answers) == list(range(1, 3001))


async def test_domo_2_3_an_ask_that_is_not_answered_is_an_error_never_none() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", mailbox=Mailbox(1)))) as root:
        ref = root.child("a")
        ref.tell("x")
        with pytest.raises(Exception, match="full"):
            await ref.ask(Get())
        await root.terminate_child("a")
        with pytest.raises(NoSuchActor):
            await ref.ask(Get())


async def test_engin_a_task_that_fails_before_its_first_checkpoint_starves_nobody() -> None:
    async def fail() -> None:
        raise BoomError

    journal = Journal()
    async with opened(tree(actor(journal, "b"), intensity=Intensity(10**9, 1e6))) as root:
        await root.start_child(TaskSpec("a", fail))
        for _ in range(100):
            assert await root.child("b").ask(Get(), timeout=1.0) >= 0
        await root.terminate_child("a")


async def test_pykka_a_failed_start_gives_no_ref_and_an_ask_crashes_as_a_tell_does() -> None:
    journal = Journal(fail_start={"x": BoomError()})
    async with opened(tree(actor(journal, "a"))) as root:
        with pytest.raises(StartError):
            await root.start_child(actor(journal, "x"))
        root.child("a").tell(Boom())
        await await_restart(root.child("a"))
        with pytest.raises(ActorCrashed):
            await root.child("a").ask(Boom())
        await settle()
        assert incarnations(root) == {"a": 3}


async def test_pykka_a_request_that_timed_out_in_the_queue_is_not_worked_on() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        root.child("a").tell(Sleep(5.0))
        with pytest.raises(AskTimeout) as caught:
            await root.child("a").ask(Boom(), timeout=1.0)
        assert not caught.value.started
        await anyio.sleep(10)
        assert incarnations(root) == {"a": 1}


async def test_pykka_no_message_is_left_in_a_dead_inbox() -> None:
    journal = Journal()
    async with opened(many()) as root:
        ref = await root.start_child(actor(journal, "a", restart=Restart.TEMPORARY))
        ref.tell(Boom())
        assert ref.alive
        with pytest.raises(NoSuchActor):
            await ref.ask(Get(), timeout=1000.0)
        assert anyio.current_time() < 0.1


async def test_thespian_a_message_is_handled_once() -> None:
    orders = []

    class Bot(Actor[str]):
        def receive(self, message: str) -> None:
            orders.append(message)
            raise BoomError

    async with opened(tree(ActorSpec("a", Bot))) as root:
        root.child("a").tell("buy")
        await settle()
        assert incarnations(root) == {"a": 2}
    assert orders == ["buy"]


async def test_aiomisc_a_service_that_dies_after_it_was_ready_is_noticed() -> None:
    lives = 0

    async def service(*, task_status: Any) -> None:
        nonlocal lives
        lives += 1
        task_status.started()
        await anyio.sleep(1)
        if lives == 1:
            raise BoomError
        await anyio.sleep_forever()

    async with opened(tree(TaskSpec("a", service))) as root:
        await anyio.sleep(3)
        assert incarnations(root) == {"a": 2}


async def test_trusty_tools_3631_a_successful_restart_does_not_forget_failures() -> None:
    journal = Journal()
    backoff = Backoff(initial=1.0, maximum=1.0, jitter=0.0, reset_after=100.0, give_up_after=3)
    intensity = Intensity(100, 10.0, exhausted=Exhausted.GIVE_UP, scope=Scope.CHILD)
    async with opened(tree(actor(journal, "a", backoff=backoff), intensity=intensity)) as root:
        for _ in range(3):
            crash(root.child("a"))
            await anyio.sleep(2)
        assert phases(root) == {"a": "gave up"}


async def test_omniroute_4425_a_backoff_keeps_the_budget() -> None:
    journal = Journal(fail_start={"a": [None] + [BoomError()] * 20})
    backoff = Backoff(initial=3.0, maximum=3.0, jitter=0.0)
    async with opened(tree(actor(journal, "a", backoff=backoff))) as root:
        crash(root.child("a"))
        assert await await_restart(root.child("a")) == 22


async def test_actor_ts_913_a_constructor_that_throws_leaves_no_zombie_and_no_silence() -> None:
    made, journal = 0, Journal()

    def make() -> Recorder:
        nonlocal made
        made += 1
        if made == 2:
            raise BoomError
        return Recorder("a", journal)

    async with opened(tree(ActorSpec("a", make)), journal) as root:
        crash(root.child("a"))
        assert await await_restart(root.child("a")) == 3
        assert await root.child("a").ask(Get()) == 0
    assert len(journal.of(RestartScheduled)) == 2


async def test_actor_ts_913_a_full_mailbox_does_not_crash_the_sender() -> None:
    journal = Journal()

    def flood(me: Recorder) -> None:
        for _ in range(100):
            me.context.supervisor.child("b").tell("x")

    async with opened(tree(actor(journal, "a"), actor(journal, "b", mailbox=Mailbox(1)))) as root:
        await root.child("a").ask(Do(flood))
        assert incarnations(root) == {"a": 1, "b": 1}


async def test_kameo_335_pending_messages_survive_a_restart() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        ref = root.child("a")
        ref.tell(Boom())
        for text in "123":
            ref.tell(text)
        await settle()
    assert [line for line in journal.lines if line.startswith("a: ")] == ["a: 1", "a: 2", "a: 3"]


async def test_akka_2241_a_restarted_actor_consumes_and_the_broken_one_does_not() -> None:
    lives: list[int] = []

    class Count(Actor[str]):
        def receive(self, message: str) -> None:
            lives.append(self.context.incarnation)
            if message == "boom":
                raise BoomError

    async with opened(tree(ActorSpec("a", Count))) as root:
        for text in ("x", "boom", "x", "x"):
            root.child("a").tell(text)
        await settle()
    assert lives == [1, 1, 2, 2]


async def test_anyio_710_a_cancelled_start_cancels_nobody_else() -> None:
    journal = Journal(slow_start={"b": 10.0})
    async with opened(tree(actor(journal, "a"))) as root:
        with anyio.move_on_after(1):
            await root.start_child(actor(journal, "b"))
        assert incarnations(root) == {"a": 1}
        assert await root.child("a").ask(Get()) == 0


async def test_xoscar_the_error_of_a_tell_is_somebodys() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a")), journal) as root:
        root.child("a").tell(Boom("somebody must know"))
        await settle()
    assert journal.of(ChildEnded)[0].reason == "BoomError: somebody must know"
