"""What others fell into (`traps.md` in the project's references): the same scenarios, the opposite outcome.

One file, because it is one list: `TRAPS` names them all, and a test sees that none is without a test.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar

import anyio
import anyio.lowlevel
import pytest
import trio

from supervisor import (
    Actor,
    ActorCrashed,
    ActorSpec,
    AskTimeout,
    AutoShutdown,
    Backoff,
    ChildAlreadyStarted,
    ChildEnded,
    DeadLetter,
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
    LOOSE,
    Boom,
    BoomError,
    Do,
    Get,
    Journal,
    Outcome,
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

TRAPS = {
    "triotp 1": "a TEMPORARY child that raises takes its siblings along",
    "triotp 2": "a PERMANENT child that keeps returning ends its supervisor without an error",
    "triotp 3": "a reply that comes too late kills the server",
    "triotp 4": "an error in a handler leaves the asker waiting",
    "triotp 5": "the timeout of a call does not cover the queue",
    "triotp 6": "an actor that sends to itself hangs",
    "triotp 7": "the error of a start is hidden by another",
    "triotp 8": "tidying up is skipped when the tree is cancelled",
    "triotp 9": "the start is acknowledged before it happened; a dynamic start has no result; unknown requests vanish",
    "triotp 10": "a cancellation counts as a failure",
    "otpylib 1": "the restart type is not read",
    "otpylib 2": "a PERMANENT child that was killed stays dead",
    "otpylib 3": "an ask throws away the asker's other messages",
    "otpylib 4": "an ask of a server that crashes hangs",
    "otpylib 5": "a restart that fails is swallowed",
    "otpylib 6": "a group counts once per sibling, and too many failures are a normal end",
    "otpylib 7": "the wall clock counts, the stop goes from left to right and does not wait, mailboxes have no bound",
    "fauxtp 1": "nothing limits restarts",
    "fauxtp 2": "an ask of the dead waits, a tell to the dead is kept",
    "fauxtp 3": "an actor with background work cannot stop itself",
    "fauxtp 4": "background work that fails takes siblings along",
    "fauxtp 5": "the timeout of a receive cuts the handler",
    "fauxtp 6": "a cancellation is swallowed",
    "fauxtp 7": "the size of a mailbox is accepted and ignored",
    "mode 1": "the budget is not the number that was given",
    "mode 2": "children given at the start are looked after by a poll only",
    "mode 3": "a crash during another's restart waits for a poll",
    "mode 4": "a stop of who will not end hangs, and swallows the caller's cancellation",
    "mode 5": "a task that returned counts as running",
    "mode 6": "too many failures are a SystemExit inside a task",
    "domo 1": "thousands of queued asks overflow the stack",
    "domo 2": "an ask of a stopped actor gives None",
    "domo 3": "an ask that was dropped gives None",
    "domo 4": "the history of restarts is new after each failure",
    "domo 5": "the strategy is not read",
    "domo 6": "the rest of a batch is lost when the actor pauses",
    "engin": "a task that fails before it ever waits starves the loop",
    "pykka start": "a start that fails gives a ref to nobody",
    "pykka ask and tell": "the same error kills after a tell and not after an ask",
    "pykka system exit": "SystemExit in one actor drops all the others without a word",
    "pykka timeout": "the work of an ask that timed out is done all the same",
    "pykka unbounded": "an inbox without a bound",
    "pykka dead inbox": "a message stays in a dead inbox",
    "thespian twice": "a message whose handler failed is handled again, by the same damaged object",
    "thespian top level": "an actor at the top is not restarted",
    "thespian wakeups": "a timer cannot be cancelled",
    "thespian transmit only": "an actor whose messages are not taken stops taking its own",
    "xoscar tell": "the error of a tell is nobody's",
    "xoscar recovery": "an error in a handler triggers no recovery; a dead process does, by a poll without limit",
    "xoscar constructor": "a recovery repeats what the first start was told",
    "aiomisc unnoticed": "a service that dies after it was ready is not noticed",
    "aiomisc order": "services start in any order and stop at once",
    "aiomisc poll": "a respawn waits for a poll and is not limited",
    "tractor": "every grace is cut at three seconds",
    "anyio 710": "a cancelled start cancels the others",
    "anyio 1069": "leaving a group is a point of cancellation",
    "anyio 1111 1138 1217": "a cancel scope that was left behind keeps the loop busy",
    "anyio 432 593": "how many errors come in a group depends on the loop",
    "anyio 141": "people stumble over groups",
    "cpython outer cancellation": "leaving a group swallows the cancellation from outside",
    "cpython eager": "eager tasks hang or leak",
    "trusty-tools 3631": "a restart that succeeds forgets the failures before it",
    "omniroute 4425": "restarts without delay burn the budget",
    "onefuzz 1028": "a start that always fails is tried for ever",
    "actor-ts 913 constructor": "a constructor that throws leaves a zombie",
    "actor-ts 913 silence": "a restart leaves no line in any log",
    "actor-ts 913 budget": "nobody knows whose budget it is",
    "actor-ts 913 full mailbox": "a full mailbox crashes the sender",
    "actor-ts 913 deadline": "a shutdown has no deadline as a whole",
    "kameo 335": "what is queued is lost at a restart",
    "akka 145 2241": "a broken actor goes on consuming, a restarted one stays suspended",
    "anubis 239": "short lives that end well burn the budget",
    "erlang 4521": "the end of a significant child that its group took along ends the supervisor",
}
"""Every trap of the references, in our words."""
NOT_OURS = {
    "otpylib 7 backends": "both loops: each test here runs on trio and on asyncio",
}
"""Those that cannot be a test here, and why not."""

T = TypeVar("T", bound=Callable[..., object])
proven: dict[str, str] = {}


def trap(*names: str) -> Callable[[T], T]:
    """This test is a trap with the opposite outcome."""

    def mark(test: T) -> T:
        for name in names:
            assert proven.setdefault(name, test.__name__) == test.__name__, f"{name} is proven twice"
        return test

    return mark


@trap("triotp 1")
async def test_triotp_1_a_temporary_child_that_raises_hurts_nobody() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"), actor(journal, "b", restart=Restart.TEMPORARY))) as root:
        root.child("b").tell(Boom())
        await settle()
        assert incarnations(root) == {"a": 1}


@trap("triotp 2")
async def test_triotp_2_a_permanent_child_that_keeps_returning_is_a_failure() -> None:
    async def done() -> None:
        await anyio.lowlevel.checkpoint()

    with pytest.raises(RestartIntensityExceeded):
        async with opened(tree(TaskSpec("a", done))):
            await anyio.sleep_forever()


@trap("triotp 3")
async def test_triotp_3_a_late_reply_hurts_nobody() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        with pytest.raises(AskTimeout):
            await root.child("a").ask(Sleep(2.0), timeout=1.0)
        await anyio.sleep(5)
        assert await root.child("a").ask(Who()) == 1


@trap("triotp 4")
async def test_triotp_4_an_error_in_an_ask_without_timeout_reaches_the_asker() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        with pytest.raises(ActorCrashed):
            await root.child("a").ask(Boom(), timeout=None)


@trap("triotp 5")
async def test_triotp_5_the_timeout_covers_the_queue() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        root.child("a").tell(Sleep(1000.0))
        with pytest.raises(AskTimeout):
            await root.child("a").ask(Get(), timeout=0.1)
        assert anyio.current_time() == pytest.approx(0.1, abs=0.01)
        await root.terminate_child("a")


@trap("triotp 6")
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


@trap("triotp 7")
async def test_triotp_7_the_error_of_a_start_is_the_one_that_is_raised() -> None:
    error = BoomError("the real one")
    with pytest.raises(StartError) as caught:
        async with opened(tree(actor(Journal(fail_start={"a": error}), "a"))):
            pass
    assert caught.value.__cause__ is error


@trap("triotp 8")
async def test_triotp_8_on_stop_runs_when_the_tree_is_cancelled() -> None:
    journal = Journal()
    with anyio.move_on_after(1):
        async with opened(tree(actor(journal, "a"))):
            await anyio.sleep_forever()
    assert journal.reasons == {"a": [Shutdown()]}


@trap("otpylib 1", "otpylib 2")
async def test_otpylib_1_restart_types_are_read() -> None:
    journal = Journal()
    spec = tree(actor(journal, "t", restart=Restart.TEMPORARY), actor(journal, "p"))
    async with opened(spec) as root:
        crash(root.child("t"))
        kill(root.child("p"))
        await settle()
        assert incarnations(root) == {"p": 2}


@trap("otpylib 3")
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


@trap("otpylib 5")
async def test_otpylib_5_a_restart_that_fails_is_tried_again() -> None:
    journal = Journal(fail_start={"a": [None, BoomError(), None]})
    async with opened(tree(actor(journal, "a"))) as root:
        crash(root.child("a"))
        assert await await_restart(root.child("a")) == 3


@trap("otpylib 6")
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


@trap("fauxtp 1", "onefuzz 1028")
async def test_fauxtp_1_a_start_that_always_fails_is_bounded() -> None:
    journal = Journal(fail_start={"a": [None] + [BoomError()] * 10_000})
    with pytest.raises(RestartIntensityExceeded):
        async with opened(tree(actor(journal, "a"))) as root:
            crash(root.child("a"))
            await anyio.sleep_forever()
    assert journal.starts == {"a": 6}


@trap("fauxtp 2")
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


@trap("fauxtp 3")
async def test_fauxtp_3_an_actor_with_background_work_that_stops_itself_ends() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", restart=Restart.TRANSIENT))) as root:
        await root.child("a").ask(Do(lambda me: me.spawn(sleep)))
        root.child("a").tell(Quit())
        await settle()
        assert phases(root) == {"a": "stopped"}


@trap("fauxtp 4")
async def test_fauxtp_4_background_work_that_fails_hurts_no_sibling() -> None:
    journal = Journal()

    async def fail() -> None:
        raise BoomError

    async with opened(tree(actor(journal, "a"), actor(journal, "b"))) as root:
        await root.child("a").ask(Do(lambda me: me.spawn(fail)))
        await settle()
        assert incarnations(root) == {"a": 2, "b": 1}


@trap("fauxtp 6", "cpython outer cancellation")
async def test_fauxtp_6_cancellation_is_not_swallowed() -> None:
    with anyio.move_on_after(1) as scope:
        async with opened(tree(TaskSpec("a", sleep))):
            await anyio.sleep_forever()
    assert scope.cancelled_caught


@trap("mode 1")
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


@trap("mode 3")
async def test_mode_3_a_child_that_crashes_while_another_restarts_is_not_forgotten() -> None:
    journal = Journal(slow_start={"a": 1.0}, slow_stop={"a": 1.0})
    async with opened(tree(actor(journal, "a"), actor(journal, "b"))) as root:
        crash(root.child("a"))
        await settle()
        began = anyio.current_time()
        crash(root.child("b"))
        await await_restart(root.child("b"))
        assert anyio.current_time() == began


@trap("mode 4")
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


@trap("mode 5")
async def test_mode_5_a_task_that_returns_is_not_running() -> None:
    async def done() -> None:
        return

    async with opened(tree(TaskSpec("a", done, restart=Restart.TRANSIENT))) as root:
        await settle()
        assert phases(root) == {"a": "stopped"}


@trap("domo 1")
async def test_domo_1_thousands_of_queued_asks_are_answered() -> None:
    journal, answers = Journal(), []

    async with opened(tree(actor(journal, "a"))) as root, anyio.create_task_group() as group:

        async def ask() -> None:
            answers.append(await root.child("a").ask(Get(), timeout=100.0))

        root.child("a").tell(Sleep(1.0))
        for _ in range(3000):
            group.start_soon(ask)
    assert sorted(answers) == list(range(1, 3001))


@trap("domo 2", "domo 3")
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


@trap("engin")
async def test_engin_a_task_that_fails_before_its_first_checkpoint_starves_nobody() -> None:
    async def fail() -> None:
        raise BoomError

    journal = Journal()
    async with opened(tree(actor(journal, "b"), intensity=Intensity(10**9, 1e6))) as root:
        await root.start_child(TaskSpec("a", fail))
        for _ in range(100):
            assert await root.child("b").ask(Get(), timeout=1.0) >= 0
        await root.terminate_child("a")


@trap("pykka start", "pykka ask and tell")
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


@trap("pykka timeout")
async def test_pykka_a_request_that_timed_out_in_the_queue_is_not_worked_on() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        root.child("a").tell(Sleep(5.0))
        with pytest.raises(AskTimeout) as caught:
            await root.child("a").ask(Boom(), timeout=1.0)
        assert not caught.value.started
        await anyio.sleep(10)
        assert incarnations(root) == {"a": 1}


@trap("pykka dead inbox")
async def test_pykka_no_message_is_left_in_a_dead_inbox() -> None:
    journal = Journal()
    async with opened(many()) as root:
        ref = await root.start_child(actor(journal, "a", restart=Restart.TEMPORARY))
        ref.tell(Boom())
        assert ref.alive
        with pytest.raises(NoSuchActor):
            await ref.ask(Get(), timeout=1000.0)
        assert anyio.current_time() < 0.1


@trap("thespian twice")
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


@trap("aiomisc unnoticed")
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


@trap("trusty-tools 3631")
async def test_trusty_tools_3631_a_successful_restart_does_not_forget_failures() -> None:
    journal = Journal()
    backoff = Backoff(initial=1.0, maximum=1.0, jitter=0.0, reset_after=100.0, give_up_after=3)
    intensity = Intensity(100, 10.0, exhausted=Exhausted.GIVE_UP, scope=Scope.CHILD)
    async with opened(tree(actor(journal, "a", backoff=backoff), intensity=intensity)) as root:
        for _ in range(3):
            crash(root.child("a"))
            await anyio.sleep(2)
        assert phases(root) == {"a": "gave up"}


@trap("omniroute 4425")
async def test_omniroute_4425_a_backoff_keeps_the_budget() -> None:
    journal = Journal(fail_start={"a": [None] + [BoomError()] * 20})
    backoff = Backoff(initial=3.0, maximum=3.0, jitter=0.0)
    async with opened(tree(actor(journal, "a", backoff=backoff))) as root:
        crash(root.child("a"))
        assert await await_restart(root.child("a")) == 22


@trap("actor-ts 913 constructor", "actor-ts 913 silence")
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


@trap("actor-ts 913 full mailbox")
async def test_actor_ts_913_a_full_mailbox_does_not_crash_the_sender() -> None:
    journal = Journal()

    def flood(me: Recorder) -> None:
        for _ in range(100):
            me.context.supervisor.child("b").tell("x")

    async with opened(tree(actor(journal, "a"), actor(journal, "b", mailbox=Mailbox(1)))) as root:
        await root.child("a").ask(Do(flood))
        assert incarnations(root) == {"a": 1, "b": 1}


@trap("kameo 335")
async def test_kameo_335_pending_messages_survive_a_restart() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        ref = root.child("a")
        ref.tell(Boom())
        for text in "123":
            ref.tell(text)
        await settle()
    assert [line for line in journal.lines if line.startswith("a: ")] == ["a: 1", "a: 2", "a: 3"]


@trap("akka 145 2241")
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


@trap("anyio 710")
async def test_anyio_710_a_cancelled_start_cancels_nobody_else() -> None:
    journal = Journal(slow_start={"b": 10.0})
    async with opened(tree(actor(journal, "a"))) as root:
        with anyio.move_on_after(1):
            await root.start_child(actor(journal, "b"))
        assert incarnations(root) == {"a": 1}
        assert await root.child("a").ask(Get()) == 0


@trap("xoscar tell")
async def test_xoscar_the_error_of_a_tell_is_somebodys() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a")), journal) as root:
        root.child("a").tell(Boom("somebody must know"))
        await settle()
    assert journal.of(ChildEnded)[0].reason == "BoomError: somebody must know"


# --------------------------------------------------------------------------------------------------- the rest of the list


@trap("triotp 9")
async def test_triotp_9_a_start_is_over_when_it_is_said_to_be_and_an_unknown_request_is_refused() -> None:
    journal = Journal(slow_start={"a": 2.0, "x": 1.0})

    class Narrow(Actor[str]):
        def receive(self, message: str) -> None: ...

    async with opened(tree(actor(journal, "a"), actor(journal, "b"), ActorSpec("narrow", Narrow))) as root:
        assert journal.lines == ["+a", "+b"]
        assert anyio.current_time() == pytest.approx(2.0)
        ref = await root.start_child(actor(journal, "x"))
        assert anyio.current_time() == pytest.approx(3.0)
        assert await ref.ask(Who()) == 1
        with pytest.raises(ChildAlreadyStarted):
            await root.start_child(actor(journal, "x"))
        await root.terminate_child("x")
        assert not ref.alive
        with pytest.raises(TypeError, match="does not accept"):
            await root.child("narrow").ask(Get())


@trap("triotp 10")
async def test_triotp_10_a_cancellation_is_no_failure() -> None:
    journal = Journal(slow_start={"a": 10.0})
    with anyio.move_on_after(15) as scope:
        async with opened(tree(actor(journal, "a"), TaskSpec("b", sleep)), journal) as root:
            crash(root.child("a"))
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert journal.starts == {"a": 2}
    assert [event.path for event in journal.of(RestartScheduled)] == ["root/a"]


@trap("otpylib 4")
async def test_otpylib_4_asks_of_who_crashes_are_answered_at_once() -> None:
    journal = Journal()

    async def fail_later(_: Any) -> None:
        await anyio.sleep(0.5)
        raise BoomError

    async with opened(many()) as root, anyio.create_task_group() as group:
        ref = await root.start_child(actor(journal, "a", restart=Restart.TEMPORARY))
        in_hand = Outcome(group, ref, Do(fail_later), None)
        await settle()  # trio begins tasks in any order: without this the other ask may come first
        queued = Outcome(group, ref, Get(), None)
        await anyio.sleep(1.0)
        assert isinstance(in_hand.value, ActorCrashed)
        assert isinstance(queued.value, NoSuchActor)
        assert anyio.current_time() < 1.1


@trap("otpylib 7")
async def test_otpylib_7_only_the_loops_clock_counts_and_a_stop_goes_from_right_to_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    journal = Journal(slow_stop={"a": 1.0, "b": 1.0})
    with pytest.raises(RestartIntensityExceeded):
        async with opened(tree(actor(journal, "a"), actor(journal, "b"), intensity=Intensity(1, 10.0))) as root:
            crash(root.child("a"))
            await await_restart(root.child("a"))
            monkeypatch.setattr(time, "time", lambda: 4e9)
            journal.take()
            crash(root.child("a"))
            await anyio.sleep_forever()
    assert journal.take() == ["-a", "-b"]
    async with opened(tree(actor(journal, "a"), actor(journal, "b"))) as root:
        journal.take()
        began = anyio.current_time()
    assert journal.take() == ["-b", "-a"]
    assert anyio.current_time() - began == pytest.approx(2.0)


@trap("fauxtp 5")
async def test_fauxtp_5_a_timeout_of_the_asker_does_not_cut_the_handler() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        with pytest.raises(AskTimeout) as caught:
            await root.child("a").ask(Sleep(2.0), timeout=1.0)
        assert caught.value.started
        await anyio.sleep(2)
    assert journal.lines == ["+a", "a sleeps", "a slept", "-a"]


@trap("fauxtp 7", "pykka unbounded")
async def test_fauxtp_7_a_mailbox_holds_as_many_as_it_says_and_by_default_ten_thousand() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a", mailbox=Mailbox(3)), actor(journal, "b"))) as root:
        assert [root.child("a").tell("x") for _ in range(4)] == [True] * 3 + [False]
        assert sum(root.child("b").tell("x") for _ in range(10_100)) == 10_000


@trap("mode 2", "xoscar recovery", "aiomisc poll")
async def test_mode_2_a_child_given_at_the_start_is_restarted_in_the_moment_it_fails_and_not_for_ever() -> None:
    journal = Journal()
    with pytest.raises(RestartIntensityExceeded):
        async with opened(tree(actor(journal, "a"))) as root:
            for expected in range(2, 7):
                root.child("a").tell(Boom())
                assert await await_restart(root.child("a")) == expected
                assert anyio.current_time() < 0.001
            root.child("a").tell(Boom())
            await anyio.sleep_forever()


@trap("mode 6", "anyio 432 593", "anyio 141")
async def test_mode_6_many_failures_at_once_are_one_plain_error_after_an_ordered_stop() -> None:
    journal = Journal()
    with pytest.raises(Exception) as caught:  # noqa: PT011  # which one is asked below: no group, on either loop
        async with opened(tree(*(actor(journal, id) for id in "abcd"), intensity=Intensity(0, 10.0))) as root:
            for id in "bcd":
                crash(root.child(id))
            await anyio.sleep_forever()
    assert type(caught.value) is RestartIntensityExceeded
    assert journal.reasons["a"] == [Shutdown()]


@trap("domo 4", "actor-ts 913 budget")
async def test_domo_4_a_budget_is_the_supervisors_or_the_childs_as_the_spec_says_and_lasts() -> None:
    async def failures(scope: Scope) -> int:
        journal, count = Journal(), 0
        intensity = Intensity(2, 10.0, scope=scope)
        try:
            async with opened(tree(actor(journal, "a"), actor(journal, "b"), intensity=intensity)) as root:
                for id in "abababab":
                    count += 1
                    crash(root.child(id))
                    await await_restart(root.child(id))
        except (RestartIntensityExceeded, NoSuchActor):
            return count
        return 0

    assert await failures(Scope.SUPERVISOR) == 3
    assert await failures(Scope.CHILD) == 5


@trap("domo 5")
async def test_domo_5_the_strategy_is_read() -> None:
    lives = {}
    for strategy in Strategy:
        journal = Journal()
        async with opened(tree(*(actor(journal, id) for id in "abc"), strategy=strategy)) as root:
            crash(root.child("b"))
            await settle()
            lives[strategy.value] = list(incarnations(root).values())
    assert lives == {"one_for_one": [1, 2, 1], "one_for_all": [2, 2, 2], "rest_for_one": [1, 2, 2]}


@trap("domo 6")
async def test_domo_6_what_a_stop_leaves_of_a_batch_the_next_life_handles() -> None:
    journal = Journal()

    async with opened(tree(actor(journal, "a")), journal) as root:
        ref = root.child("a")
        ref.tell(Do(lambda me: me.context.place.life.request_stop(Shutdown())))
        for number in range(50):
            ref.tell(str(number))
        await settle()
        assert incarnations(root) == {"a": 2}
    assert journal.lines == ["+a", "-a", "+a", *(f"a: {number}" for number in range(50)), "-a"]
    assert not journal.of(DeadLetter)


@trap("pykka system exit")
async def test_pykka_system_exit_ends_the_tree_in_order_and_comes_out_of_it() -> None:
    journal = Journal()

    def leave(_: Recorder) -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit) as caught:
        async with opened(tree(actor(journal, "a"), actor(journal, "b"))) as root:
            root.child("b").tell(Do(leave))
            await anyio.sleep_forever()
    assert caught.value.code == 3
    assert journal.reasons["a"] == [Shutdown()]


@trap("thespian top level")
async def test_thespian_a_child_of_the_root_is_restarted_too() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        root.child("a").tell(Boom())
        assert await await_restart(root.child("a")) == 2


@trap("thespian wakeups")
async def test_thespian_a_timer_that_is_cancelled_never_comes() -> None:
    journal = Journal()

    def set_one(me: Recorder) -> None:
        me.after(1.0, "late")
        me.after(1.0, "never").cancel()

    async with opened(tree(actor(journal, "a"))) as root:
        await root.child("a").ask(Do(set_one))
        await anyio.sleep(5)
    assert journal.lines == ["+a", "a: late", "-a"]


@trap("thespian transmit only")
async def test_thespian_an_actor_whose_messages_nobody_takes_goes_on_taking_its_own() -> None:
    journal, refused = Journal(), 0

    def flood(me: Recorder) -> None:
        nonlocal refused
        refused += sum(not me.context.supervisor.child("b").tell("x") for _ in range(2_000))

    async with opened(tree(actor(journal, "a"), actor(journal, "b", mailbox=Mailbox(1)))) as root:
        root.child("b").tell(Sleep(100.0))
        await settle()
        await root.child("a").ask(Do(flood))
        assert refused == 1_999
        assert await root.child("a").ask(Get()) == 1
        await root.terminate_child("b")


@trap("xoscar constructor")
async def test_xoscar_a_new_life_is_a_fresh_one_and_nothing_is_said_to_it_again() -> None:
    journal = Journal()
    async with opened(tree(actor(journal, "a"))) as root:
        ref = root.child("a")
        ref.tell("once")
        ref.tell(Boom())
        await await_restart(ref)
        assert await ref.ask(Get()) == 0
    assert journal.lines.count("a: once") == 1


@trap("aiomisc order")
async def test_aiomisc_services_start_in_order_and_stop_in_the_reverse_one_by_one() -> None:
    journal = Journal(slow_stop=dict.fromkeys("abcde", 1.0))
    async with opened(tree(*(actor(journal, id) for id in "cadbe"))):
        assert journal.take() == ["+c", "+a", "+d", "+b", "+e"]
    assert journal.lines == ["-e", "-b", "-d", "-a", "-c"]
    assert anyio.current_time() == pytest.approx(5.0)


@trap("tractor")
async def test_tractor_a_grace_is_as_long_as_the_spec_says() -> None:
    journal = Journal(slow_stop={"a": 100.0})
    async with opened(tree(actor(journal, "a", shutdown=200.0))):
        pass
    assert journal.lines == ["+a", "-a"]
    assert anyio.current_time() == pytest.approx(100.0)


@trap("anyio 1069")
async def test_anyio_1069_a_cancellation_while_leaving_waits_for_the_ordered_stop() -> None:
    journal = Journal(slow_stop={"a": 3.0})
    with anyio.CancelScope() as scope:
        async with opened(tree(actor(journal, "a"))):
            scope.cancel()
    assert journal.lines == ["+a", "-a"]
    assert anyio.current_time() == pytest.approx(3.0)


@trap("anyio 1111 1138 1217")
async def test_anyio_1111_a_tree_at_rest_leaves_the_loop_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    journal, rounds = Journal(), 0

    class Counter(trio.abc.Instrument):
        def before_io_wait(self, timeout: float) -> None:
            nonlocal rounds
            rounds += 1

    async with opened(tree(actor(journal, "a"), TaskSpec("b", sleep), intensity=LOOSE)) as root:
        for _ in range(20):
            for id in "ab":
                kill(root.child(id))
                await await_restart(root.child(id))
            await root.child("a").ask(Do(lambda me: me.spawn(sleep)))
        await settle()
        if trio.lowlevel.in_trio_run():
            trio.lowlevel.add_instrument(Counter())
        else:
            selector = asyncio.get_running_loop()._selector
            select = selector.select

            def count(timeout: float | None = None) -> Any:
                nonlocal rounds
                rounds += 1
                return select(timeout)

            monkeypatch.setattr(selector, "select", count)
        await anyio.sleep(1000)
        assert rounds < 20


@pytest.mark.real_time
@pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="this Python has no eager tasks")
@trap("cpython eager")
async def test_cpython_eager_tasks_neither_hang_nor_leak() -> None:
    if trio.lowlevel.in_trio_run():
        pytest.skip("trio has no eager tasks")
    loop, journal = asyncio.get_running_loop(), Journal()
    before = loop.get_task_factory()
    loop.set_task_factory(asyncio.eager_task_factory)
    try:
        tasks = asyncio.all_tasks()
        async with opened(tree(actor(journal, "a"), TaskSpec("b", sleep))) as root:
            crash(root.child("a"))
            assert await await_restart(root.child("a"), 1) == 2
        assert asyncio.all_tasks() == tasks
    finally:
        loop.set_task_factory(before)
    assert journal.lines[-1] == "-a"


@trap("actor-ts 913 deadline")
async def test_actor_ts_913_a_stop_has_a_deadline_as_a_whole() -> None:
    journal = Journal(slow_stop=dict.fromkeys("abcde", 4.0))
    async with opened(tree(*(actor(journal, id) for id in "abcde")), deadline=6.0):
        pass
    assert anyio.current_time() == pytest.approx(6.0)


@trap("anubis 239")
async def test_anubis_239_lives_that_end_well_cost_no_budget() -> None:
    async def brief() -> None:
        await anyio.sleep(0.01)

    journal = Journal()
    async with opened(many(intensity=Intensity(0, 10.0)), journal) as root:
        for number in range(200):
            await root.start_child(TaskSpec(f"t{number}", brief, restart=Restart.TRANSIENT))
        await anyio.sleep(1)
        assert root.count_children().specs == 0
    assert not journal.of(RestartScheduled)


@trap("erlang 4521")
async def test_erlang_4521_a_significant_child_ends_its_supervisor_by_its_own_end_and_not_by_its_groups() -> None:
    journal = Journal()
    inner = tree(
        actor(journal, "a"),
        actor(journal, "b", restart=Restart.TRANSIENT, significant=True),
        id="inner", strategy=Strategy.REST_FOR_ONE, auto_shutdown=AutoShutdown.ANY_SIGNIFICANT, restart=Restart.TEMPORARY,
    )  # fmt: skip
    async with opened(tree(inner)) as root:
        below = root.supervisor("inner")
        crash(below.child("a"))
        await await_restart(below.child("b"))
        assert incarnations(below) == {"a": 2, "b": 2}
        below.child("b").tell(Quit())
        await settle()
        assert phases(root) == {}


def test_every_trap_is_a_test_or_has_a_reason() -> None:
    assert {*proven, *NOT_OURS} == {*TRAPS, *NOT_OURS}
    assert not proven.keys() & NOT_OURS.keys()
