"""What the restart machine means, by example. Each test names its items of `supervision-semantics.md`."""

from __future__ import annotations

from collections import deque
from itertools import count, product
from typing import Any

import pytest

from supervisor import decisions as d
from supervisor.backoff import Backoff
from supervisor.errors import (
    ChildAlreadyPresent,
    ChildAlreadyStarted,
    ChildNotFound,
    ChildRestarting,
    ChildRunning,
    MaxChildrenReached,
    NoSuchActor,
    RestartIntensityExceeded,
    StartError,
    Unstopped,
)
from supervisor.exits import ExitReason, Failed, Killed, Normal, Shutdown
from supervisor.restart import Phase, RestartMachine, Stage, start_error
from supervisor.spec import (
    AutoShutdown,
    ChildSpec,
    DynamicSupervisorSpec,
    Exhausted,
    Intensity,
    Restart,
    Scope,
    Strategy,
    SupervisorSpec,
    TaskSpec,
)

PERMANENT, TRANSIENT, TEMPORARY = Restart
ONE_FOR_ONE, ONE_FOR_ALL, REST_FOR_ONE = Strategy
NEVER, ANY, ALL = AutoShutdown
BOOM = Failed(ValueError("boom"))
CTRL_C = Failed(KeyboardInterrupt())
CLEAN: list[ExitReason] = [Normal(), Shutdown(), Shutdown("done")]
CRASHES: list[ExitReason] = [BOOM, Killed()]
PLENTY = Intensity(100, 10.0)


async def idle() -> None: ...


def child(id: str, restart: Restart = PERMANENT, **more: Any) -> TaskSpec:
    return TaskSpec(id, idle, restart=restart, **more)


def top(*children: str | ChildSpec, **more: Any) -> SupervisorSpec:
    specs = [child(one) if isinstance(one, str) else one for one in children]
    return SupervisorSpec("top", specs, **{"intensity": PLENTY, **more})


def dynamic(**more: Any) -> DynamicSupervisorSpec:
    return DynamicSupervisorSpec("top", **{"intensity": PLENTY, **more})


class Nursery:
    """Does what the machine says, as well-behaved children would. Says what it did: `+a1` starts, `-a1` stops.

    Args:
        spec: the supervisor's.
        slow: keys of children that neither start nor stop by themselves.
    """

    def __init__(self, spec: SupervisorSpec | DynamicSupervisorSpec, *, slow: str = "", begin: bool = True) -> None:
        self.machine = RestartMachine(spec)
        self.now = 0.0
        self.slow = set(slow)
        self.failing: set[str] = set()
        self.ignoring: set[str] = set()
        self.answers: dict[str, Exception | None] = {}
        self.finished: ExitReason | None = None
        self.effects: list[d.Effect] = []
        self._calls = count(1)
        self._events: deque[d.Event] = deque()
        self.begun = self.tell(d.Begin()) if begin else ""

    def tell(self, *events: d.Event, random: float = 0.5) -> str:
        """Tell the machine, and let everybody react; what was done, in words."""
        self._events.extend(events)
        words: list[str] = []
        self.effects = []
        while self._events:
            for effect in self.machine.decide(self._events.popleft(), self.now, random):
                self.effects.append(effect)
                words.append(self._carry_out(effect))
        return " ".join(word for word in words if word)

    def _carry_out(self, effect: d.Effect) -> str:
        match effect:
            case d.StartLife(key, life):
                self._react_to_start(key, life)
                return f"+{key}{life}"
            case d.StopLife(key, life):
                if key not in self.slow:
                    self._events.append(d.Ended(key, life, Shutdown()))
                return f"-{key}{life}"
            case d.Wait(key, _, delay):
                return f"{key}:{delay:g}s"
            case d.Cancel(key):
                return f"{key}:cancel"
            case d.Close(key, forget):
                return f"{'forget' if forget else 'close'}:{key}"
            case d.Answer(call, _, error):
                self.answers[str(call)] = error
                return ""
            case d.GaveUp(key):
                return f"gave-up:{key}"
            case d.Ready():
                return "ready"
            case d.Finish(reason):
                self.finished = reason
                return f"finish:{reason}"
            case _:
                return ""

    def _react_to_start(self, key: str, life: int) -> None:
        if key in self.failing:
            self._events.append(d.Ended(key, life, BOOM))
        elif key in self.ignoring:
            self._events.append(d.Ignored(key, life))
        elif key not in self.slow:
            self._events.append(d.Started(key, life))

    def life(self, key: str) -> int:
        return self.machine.children[key].life

    def ends(self, key: str, reason: ExitReason = BOOM, **more: Any) -> str:
        return self.tell(d.Ended(key, self.life(key), reason), **more)

    def starts(self, key: str) -> str:
        return self.tell(d.Started(key, self.life(key)))

    def overruns(self, key: str) -> str:
        return self.tell(d.Overdue(key, self.life(key), "its stack"))

    def due(self, key: str) -> str:
        return self.tell(d.Due(key, self.life(key)))

    def stop(self, reason: ExitReason | None = None) -> str:
        return self.tell(d.StopSupervisor(reason or Shutdown()))

    def add(self, key: str, restart: Restart = PERMANENT, **more: Any) -> str:
        return self.tell(d.Add(key, child(key, restart, **more), self.new_call()))

    def terminate(self, key: str) -> str:
        return self.tell(d.Terminate(key, self.new_call()))

    def resurrect(self, key: str) -> str:
        return self.tell(d.Resurrect(key, self.new_call()))

    def delete(self, key: str) -> str:
        return self.tell(d.Delete(key, self.new_call()))

    def abandon(self, key: str) -> str:
        return self.tell(d.Abandon(key, self.call))

    def new_call(self) -> str:
        self.call = f"call {next(self._calls)}"
        return self.call

    @property
    def answer(self) -> Exception | str | None:
        """What the last call was answered: None for done, `waits` for nothing yet."""
        return self.answers.get(self.call, "waits")

    @property
    def running(self) -> str:
        return " ".join(f"{key}{one.life}" for key, one in self.machine.children.items() if one.phase is Phase.RUNNING)

    @property
    def phases(self) -> dict[str, str]:
        return {key: one.phase.value for key, one in self.machine.children.items()}


# ------------------------------------------------------------------------------------------------------ B. the first start


def test_children_start_left_to_right_each_after_the_one_before_is_running() -> None:  # 11
    nursery = Nursery(top("b", "a", "c"), slow="a")
    assert nursery.begun == "+b1 +a1"
    assert nursery.starts("a") == "+c1 ready"


def test_the_first_that_fails_to_start_undoes_the_others_in_reverse_order() -> None:  # 12
    nursery = Nursery(top("a", "b", "c", "d"), begin=False)
    nursery.failing = {"c"}
    assert nursery.tell(d.Begin()).startswith("+a1 +b1 +c1 -b1 -a1 finish:StartError: top/c did not start: ValueError: boom")
    assert isinstance(nursery.finished, Failed)
    assert nursery.finished.error.__cause__ is BOOM.error


@pytest.mark.parametrize("strategy", Strategy)
def test_a_failed_first_start_is_not_tried_again(strategy: Strategy) -> None:  # 14
    nursery = Nursery(top("a", "b", strategy=strategy), begin=False)
    nursery.failing = {"b"}
    nursery.tell(d.Begin())
    assert nursery.machine.restarts_in_window(0.0) == 0
    assert nursery.machine.stage is Stage.DONE


@pytest.mark.parametrize("strategy", [ONE_FOR_ALL, REST_FOR_ONE])
def test_a_first_start_that_a_sibling_interrupted_is_still_a_first_start(strategy: Strategy) -> None:  # 14
    nursery = Nursery(top("a", "b", "c", strategy=strategy), slow="b")
    assert nursery.ends("a") == "-b1"
    nursery.failing, nursery.slow = {"b"}, set()
    assert "finish:StartError: top/b" in nursery.ends("b", Shutdown())


@pytest.mark.parametrize("restart", Restart)
def test_a_group_restart_during_the_first_start_leaves_nobody_out(restart: Restart) -> None:  # 11, 51
    nursery = Nursery(top("a", child("b", restart), child("c", restart), strategy=REST_FOR_ONE), slow="b")
    assert nursery.ends("a") == "-b1"
    assert nursery.ends("b", Shutdown()) == "+a2 +b2"
    assert nursery.starts("b") == "+c1 ready"


@pytest.mark.parametrize("restart", [PERMANENT, TRANSIENT])
def test_a_child_that_says_ignore_is_kept_without_a_life(restart: Restart) -> None:  # 17
    nursery = Nursery(top(child("a", restart), "b"), begin=False)
    nursery.ignoring = {"a"}
    assert nursery.tell(d.Begin()) == "+a1 close:a +b1 ready"
    assert nursery.phases == {"a": "stopped", "b": "running"}


def test_a_temporary_child_that_says_ignore_is_forgotten() -> None:  # 18
    nursery = Nursery(top(child("a", TEMPORARY), "b"), begin=False)
    nursery.ignoring = {"a"}
    assert nursery.tell(d.Begin()) == "+a1 forget:a +b1 ready"


@pytest.mark.parametrize("restart", Restart)
def test_a_dynamic_supervisor_forgets_who_says_ignore(restart: Restart) -> None:  # 19
    nursery = Nursery(dynamic())
    nursery.ignoring = {"a"}
    assert nursery.add("a", restart) == "+a1 forget:a"
    assert nursery.answer is None
    assert nursery.stop() == "finish:shutdown"


@pytest.mark.parametrize("spec", [top("z"), dynamic()], ids=["static", "dynamic"])
def test_an_added_child_that_does_not_start_is_discarded(spec: SupervisorSpec) -> None:  # 21, 41
    nursery = Nursery(spec)
    nursery.failing = {"a"}
    assert nursery.add("a") == "+a1 forget:a"
    assert isinstance(nursery.answer, StartError)
    assert nursery.answer.__cause__ is BOOM.error
    assert nursery.machine.restarts_in_window(0.0) == 0
    assert nursery.machine.stage is Stage.STEADY


@pytest.mark.parametrize("spec", [top("a"), dynamic()], ids=["static", "dynamic"])
def test_nothing_is_added_to_a_supervisor_that_stops_or_has_stopped(spec: SupervisorSpec) -> None:  # 24, 25
    nursery = Nursery(spec, slow="ab")
    nursery.add("b")
    nursery.stop()
    nursery.add("c")
    assert isinstance(nursery.answer, NoSuchActor)
    nursery.tell(d.Ended("a", 1, Shutdown()), d.Ended("b", 1, Shutdown()))
    assert nursery.machine.stage is Stage.DONE
    nursery.add("c")
    assert isinstance(nursery.answer, NoSuchActor)


def test_a_supervisor_that_is_stopped_before_it_begins_starts_nothing() -> None:
    nursery = Nursery(top("a"), begin=False)
    assert nursery.stop() == "finish:shutdown"
    assert nursery.tell(d.Begin()) == ""


# ------------------------------------------------------------------------------------------------------- C. restart types

COMES_BACK = {
    # item: 26 permanent, 27 and 28 transient, 29 temporary
    (PERMANENT, "clean"): "+a2",
    (PERMANENT, "crash"): "+a2",
    (TRANSIENT, "clean"): "close:a",
    (TRANSIENT, "crash"): "+a2",
    (TEMPORARY, "clean"): "forget:a",
    (TEMPORARY, "crash"): "forget:a",
}


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize(("restart", "how"), COMES_BACK)
def test_the_restart_type_says_who_comes_back(strategy: Strategy, restart: Restart, how: str) -> None:
    for reason in CLEAN if how == "clean" else CRASHES:
        nursery = Nursery(top(child("a", restart), strategy=strategy))
        assert nursery.ends("a", reason) == COMES_BACK[restart, how], reason


@pytest.mark.parametrize("restart", Restart)
def test_only_restarts_are_counted(restart: Restart) -> None:  # 26, 41
    for reason in [*CLEAN, *CRASHES]:
        nursery = Nursery(top(child("a", restart)))
        restarted = "+a2" in nursery.ends("a", reason)
        assert nursery.machine.restarts_in_window(0.0) == restarted


def test_the_id_of_a_temporary_child_is_free_when_it_has_ended() -> None:  # 29
    nursery = Nursery(top(child("a", TEMPORARY)))
    nursery.ends("a")
    assert nursery.add("a") == "+a1"
    assert nursery.answer is None


def test_a_finished_transient_child_can_be_brought_back() -> None:  # 30
    nursery = Nursery(top(child("a", TRANSIENT)))
    nursery.ends("a", Normal())
    assert nursery.resurrect("a") == "+a2"
    assert nursery.answer is None


# ----------------------------------------------------------------------------------------------------------- D. intensity


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("restarts", [0, 1, 2, 5])
def test_one_failure_more_than_the_intensity_ends_the_supervisor(strategy: Strategy, restarts: int) -> None:  # 35, 37
    nursery = Nursery(top("a", "b", strategy=strategy, intensity=Intensity(restarts, 10.0)))
    for _ in range(restarts):
        assert f"+a{nursery.life('a') + 1}" in nursery.ends("a")
    life = nursery.life("b")
    assert nursery.ends("a").startswith(f"gave-up:a -b{life} finish:RestartIntensityExceeded")


def test_the_budget_is_the_supervisors_not_the_childs() -> None:  # 36
    nursery = Nursery(top("a", "b", "c", intensity=Intensity(2, 10.0)))
    nursery.ends("a")
    nursery.ends("b")
    assert nursery.ends("c").startswith("gave-up:c -b2 -a2 finish:")


def test_the_window_slides() -> None:  # 38
    nursery = Nursery(top("a", intensity=Intensity(1, 10.0)))
    for _ in range(100):
        nursery.ends("a")
        nursery.now += 10.1
    assert nursery.running == "a101"
    nursery.ends("a")
    nursery.now += 9.9
    assert "gave-up:a" in nursery.ends("a")


@pytest.mark.parametrize("strategy", [ONE_FOR_ALL, REST_FOR_ONE])
def test_a_group_restart_counts_as_one(strategy: Strategy) -> None:  # 39
    nursery = Nursery(top("a", "b", "c", "d", strategy=strategy))
    nursery.ends("a")
    assert nursery.running == "a2 b2 c2 d2"
    assert nursery.machine.restarts_in_window(0.0) == 1


@pytest.mark.parametrize("strategy", Strategy)
def test_each_failed_attempt_to_restart_counts(strategy: Strategy) -> None:  # 40
    nursery = Nursery(top("a", strategy=strategy, intensity=Intensity(3, 10.0)))
    nursery.failing = {"a"}
    assert nursery.ends("a").startswith("+a2 +a3 +a4 gave-up:a finish:RestartIntensityExceeded")


def test_a_dynamic_child_whose_restart_fails_uses_up_the_budget_too() -> None:  # 40, 116
    nursery = Nursery(dynamic(intensity=Intensity(2, 10.0)))
    nursery.add("a")
    nursery.failing = {"a"}
    assert nursery.ends("a").startswith("+a2 +a3 gave-up:a finish:RestartIntensityExceeded")


@pytest.mark.parametrize("reason", [*CLEAN, *CRASHES], ids=str)
@pytest.mark.parametrize("strategy", [ONE_FOR_ALL, REST_FOR_ONE])
def test_a_sibling_that_crashes_while_its_group_is_stopped_is_no_second_failure(
    strategy: Strategy, reason: ExitReason
) -> None:  # 42, 43
    nursery = Nursery(top("a", "b", "c", strategy=strategy), slow="bc")
    nursery.starts("b")
    nursery.starts("c")
    nursery.ends("a")
    assert nursery.ends("b", reason) == ""  # it was to be stopped after c, which still runs
    assert nursery.ends("c", reason) == "+a2 +b2"
    assert nursery.machine.restarts_in_window(0.0) == 1


def test_two_failures_at_once_are_two_restarts_under_one_for_one() -> None:  # 43
    nursery = Nursery(top("a", "b"))
    assert nursery.tell(d.Ended("a", 1, BOOM), d.Ended("b", 1, BOOM)) == "+a2 +b2"
    assert nursery.machine.restarts_in_window(0.0) == 2


@pytest.mark.parametrize("strategy", Strategy)
def test_a_stale_event_changes_nothing(strategy: Strategy) -> None:  # 43
    nursery = Nursery(top("a", "b", strategy=strategy))
    nursery.ends("a")
    assert nursery.tell(d.Ended("a", 1, BOOM), d.Started("a", 1), d.Ignored("a", 1), d.Overdue("a", 1), d.Due("a", 1)) == ""


def test_each_attempt_waits_for_an_event_so_that_others_get_their_turn() -> None:  # 44
    nursery = Nursery(top("a", "b"), slow="a")
    nursery.starts("a")
    assert nursery.ends("a") == "+a2"
    assert nursery.ends("a") == "+a3"
    assert nursery.terminate("b") == "-b1 close:b"
    assert nursery.stop() == "-a3"


def test_a_new_machine_has_an_empty_history() -> None:  # 45
    nursery = Nursery(top("a"))
    nursery.ends("a")
    assert Nursery(top("a")).machine.restarts_in_window(0.0) == 0


def test_the_error_of_a_supervisor_past_its_budget_names_the_child_and_its_error() -> None:  # 46, 109, D5
    nursery = Nursery(top("a", intensity=Intensity(0, 10.0)))
    nursery.ends("a")
    assert isinstance(nursery.finished, Failed)
    error = nursery.finished.error
    assert isinstance(error, RestartIntensityExceeded)
    assert (error.path, error.child, error.reason, error.__cause__) == ("top", "a", BOOM, BOOM.error)


@pytest.mark.parametrize(
    "meddle",
    [
        lambda nursery: nursery.terminate("a"),
        lambda nursery: (nursery.terminate("a"), nursery.resurrect("a")),
        lambda nursery: nursery.add("z"),
    ],
    ids=["terminate", "restart by hand", "add"],
)
def test_what_operators_do_is_not_counted(meddle: Any) -> None:  # 41
    nursery = Nursery(top("a", "b"))
    meddle(nursery)
    assert nursery.machine.restarts_in_window(0.0) == 0


# ---------------------------------------------------------------------------------------------------------- E. strategies

WHO_IS_RESTARTED = {
    # strategy, who fails: what is done to [a, b, c, d]
    (ONE_FOR_ONE, "a"): "+a2",  # 47
    (ONE_FOR_ONE, "c"): "+c2",
    (ONE_FOR_ALL, "a"): "-d1 -c1 -b1 +a2 +b2 +c2 +d2",  # 48
    (ONE_FOR_ALL, "c"): "-d1 -b1 -a1 +a2 +b2 +c2 +d2",
    (ONE_FOR_ALL, "d"): "-c1 -b1 -a1 +a2 +b2 +c2 +d2",
    (REST_FOR_ONE, "a"): "-d1 -c1 -b1 +a2 +b2 +c2 +d2",  # 49
    (REST_FOR_ONE, "c"): "-d1 +c2 +d2",
    (REST_FOR_ONE, "d"): "+d2",
}


@pytest.mark.parametrize(("strategy", "who"), WHO_IS_RESTARTED)
def test_the_strategy_says_who_is_restarted_and_in_which_order(strategy: Strategy, who: str) -> None:
    nursery = Nursery(top("a", "b", "c", "d", strategy=strategy))
    assert nursery.ends(who) == WHO_IS_RESTARTED[strategy, who]


def test_none_of_a_group_is_started_before_all_have_ended() -> None:  # 50
    nursery = Nursery(top("a", "b", "c", strategy=ONE_FOR_ALL), slow="b")
    nursery.starts("b")
    assert nursery.ends("a") == "-c1 -b1"
    assert nursery.ends("b", Shutdown()) == "+a2 +b2"


@pytest.mark.parametrize("strategy", [ONE_FOR_ALL, REST_FOR_ONE])
def test_a_temporary_bystander_is_stopped_and_forgotten(strategy: Strategy) -> None:  # 51
    nursery = Nursery(top("a", child("b", TEMPORARY), "c", strategy=strategy))
    assert nursery.ends("a") == "-c1 -b1 forget:b +a2 +c2"
    assert nursery.machine.restarts_in_window(0.0) == 1


@pytest.mark.parametrize("strategy", [ONE_FOR_ALL, REST_FOR_ONE])
@pytest.mark.parametrize(("restart", "reason"), [(TEMPORARY, BOOM), (TEMPORARY, Normal()), (TRANSIENT, Normal())], ids=str)
def test_who_does_not_come_back_leaves_the_group_alone(strategy: Strategy, restart: Restart, reason: ExitReason) -> None:  # 52
    nursery = Nursery(top(child("a", restart), "b", strategy=strategy))
    nursery.ends("a", reason)
    assert nursery.running == "b1"


@pytest.mark.parametrize("strategy", [ONE_FOR_ALL, REST_FOR_ONE])
def test_a_group_restart_brings_back_who_was_stopped_finished_or_ignored(strategy: Strategy) -> None:  # 53
    nursery = Nursery(top("a", "b", child("c", TRANSIENT), "d", strategy=strategy), begin=False)
    nursery.ignoring = {"d"}
    nursery.tell(d.Begin())
    nursery.terminate("b")
    nursery.ends("c", Normal())
    nursery.ignoring = set()
    assert nursery.ends("a") == "+a2 +b2 +c2 +d2"


def test_under_one_for_all_a_failed_start_in_the_refill_takes_all_down_again() -> None:  # 54
    nursery = Nursery(top("a", "b", "c", strategy=ONE_FOR_ALL), slow="c")
    nursery.starts("c")
    assert nursery.ends("a") == "-c1"
    assert nursery.ends("c", Shutdown()) == "-b1 +a2 +b2 +c2"
    assert nursery.ends("c") == "-b2 -a2 +a3 +b3 +c3"
    assert nursery.machine.restarts_in_window(0.0) == 2


def test_under_rest_for_one_a_failed_start_in_the_refill_resumes_at_the_child_that_failed() -> None:  # 55
    nursery = Nursery(top("a", "b", "c", "d", strategy=REST_FOR_ONE), slow="c")
    nursery.starts("c")
    nursery.ends("b")
    assert nursery.ends("c", Shutdown()) == "+b2 +c2"
    assert nursery.ends("c") == "+c3"
    assert nursery.starts("c") == "+d2"
    assert nursery.running == "a1 b2 c3 d2"


def test_during_such_a_retry_each_child_shows_where_it_is() -> None:  # 56
    backoff = Backoff(1.0, jitter=0.0)
    nursery = Nursery(top("a", child("b", backoff=backoff), "c", strategy=REST_FOR_ONE))
    assert nursery.ends("b") == "b:1s -c1"
    assert nursery.phases == {"a": "running", "b": "restarting", "c": "stopped"}


def test_a_child_that_was_added_comes_last() -> None:  # 57
    nursery = Nursery(top("a", "b", strategy=ONE_FOR_ALL))
    nursery.add("0")
    assert nursery.ends("a") == "-01 -b1 +a2 +b2 +02"
    assert nursery.stop() == "-02 -b2 -a2 finish:shutdown"


@pytest.mark.parametrize("fails", ["d", "z"])
def test_a_failure_behind_the_refill_does_not_lose_who_still_waits(fails: str) -> None:  # 53, 55
    nursery = Nursery(top("a", "b", "c", strategy=REST_FOR_ONE), slow="b")
    nursery.add("d")
    nursery.starts("b")
    nursery.ends("a")
    assert nursery.ends("b", Shutdown()) == "+a2 +b2"
    if fails == "z":
        assert nursery.add("z") == "+z1"
        assert nursery.ends("z") == ""  # it waits for its turn, behind b
        assert nursery.starts("b") == "+c2 +d2 +z2"
    else:
        assert nursery.starts("b") == "+c2 +d2"


def test_a_failure_during_the_first_start_does_not_lose_who_has_not_started_yet() -> None:  # 11
    nursery = Nursery(top("a", "b", "c", strategy=REST_FOR_ONE), slow="b")
    nursery.add("z")
    assert nursery.ends("z") == ""
    assert nursery.starts("b") == "+c1 +z2 ready"


def test_a_failure_further_left_widens_the_group() -> None:  # 48
    nursery = Nursery(top("a", "b", "c", "d", strategy=REST_FOR_ONE), slow="d")
    nursery.starts("d")
    assert nursery.ends("c") == "-d1"
    assert nursery.ends("b") == ""
    assert nursery.ends("d", Shutdown()) == "+b2 +c2 +d2"


def test_a_child_added_while_the_group_is_cleared_starts_in_its_turn() -> None:  # 57
    nursery = Nursery(top("a", "b", strategy=ONE_FOR_ALL), slow="b")
    nursery.starts("b")
    nursery.ends("a")
    assert nursery.add("z") == ""
    assert nursery.ends("b", Shutdown()) == "+a2 +b2"
    assert nursery.starts("b") == "+z1"
    assert nursery.answer is None


def test_a_temporary_child_being_added_is_started_after_the_group_restart_that_crossed_it() -> None:  # 21, 51
    nursery = Nursery(top("a", strategy=ONE_FOR_ALL), slow="z")
    nursery.add("z", TEMPORARY)
    assert nursery.ends("a") == "-z1"
    assert nursery.ends("z", Shutdown()) == "+a2 +z2"
    nursery.starts("z")
    assert nursery.answer is None


def test_an_added_child_whose_start_a_group_restart_crossed_is_still_discarded_if_it_fails() -> None:  # 21
    nursery = Nursery(top("a", strategy=ONE_FOR_ALL), slow="z")
    nursery.add("z")
    nursery.ends("a")
    nursery.ends("z", Shutdown())
    assert nursery.ends("z") == "forget:z"
    assert isinstance(nursery.answer, StartError)


def test_a_child_below_the_group_can_be_brought_back_while_the_group_is_cleared() -> None:  # 30, 171
    nursery = Nursery(top("a", "b", "c", strategy=REST_FOR_ONE), slow="c")
    nursery.starts("c")
    nursery.terminate("a")
    assert nursery.ends("b") == "-c1"
    assert nursery.resurrect("a") == "+a2"
    assert nursery.answer is None


# ------------------------------------------------------------------------------------------------------------ F. stopping


def test_static_children_stop_in_reverse_order_one_at_a_time() -> None:  # 60
    nursery = Nursery(top("a", "b", "c"), slow="abc")
    for key in "abc":
        nursery.starts(key)
    assert nursery.stop() == "-c1"
    assert nursery.ends("c", Shutdown()) == "-b1"
    assert nursery.ends("b", Killed()) == "-a1"
    assert nursery.ends("a", Shutdown()) == "finish:shutdown"


@pytest.mark.parametrize(
    ("restart", "reason"), [*product(Restart, [Normal(), Shutdown(), Shutdown("x"), BOOM, Killed()])], ids=str
)
def test_who_ends_by_itself_during_the_shutdown_stays_down(restart: Restart, reason: ExitReason) -> None:  # 66, 67
    nursery = Nursery(top(child("a", restart), "b", child("c", restart)), slow="b")
    nursery.starts("b")
    assert nursery.stop() == "-c1 -b1"
    assert nursery.ends("a", reason) == ""
    assert nursery.ends("b", BOOM) == "finish:shutdown"


def test_a_stop_ends_a_restart_loop_and_its_delay() -> None:  # 68, 195
    nursery = Nursery(top(child("a", backoff=Backoff(1.0, jitter=0.0)), "b"))
    assert nursery.ends("a") == "a:1s"
    assert nursery.stop() == "a:cancel -b1 finish:shutdown"
    assert nursery.due("a") == ""


def test_a_stop_interrupts_a_child_that_is_starting() -> None:  # 171
    nursery = Nursery(top("a", "b", "c"), slow="b")
    assert nursery.stop() == "-b1"
    assert nursery.ends("b", Shutdown()) == "-a1 finish:shutdown"


@pytest.mark.parametrize("strategy", [ONE_FOR_ALL, REST_FOR_ONE])
def test_a_stop_overtakes_a_group_restart(strategy: Strategy) -> None:  # 68
    nursery = Nursery(top("a", "b", "c", strategy=strategy), slow="c")
    nursery.starts("c")
    nursery.ends("b")
    assert nursery.stop() == ""
    assert nursery.ends("c", Shutdown()).endswith("-a1 finish:shutdown" if strategy is REST_FOR_ONE else "finish:shutdown")


def test_dynamic_children_stop_all_at_once() -> None:  # 72
    nursery = Nursery(dynamic(), slow="abc")
    for key in "abc":
        nursery.add(key)
        nursery.starts(key)
    assert nursery.stop() == "-a1 -b1 -c1"
    assert nursery.ends("b", Shutdown()) == ""
    assert nursery.ends("c", Shutdown()) == ""
    assert nursery.ends("a", Shutdown()) == "finish:shutdown"


def test_the_first_reason_to_stop_is_the_reason() -> None:
    nursery = Nursery(top("a"), slow="a")
    nursery.stop(Shutdown("first"))
    nursery.stop(Shutdown("second"))
    assert nursery.ends("a", Shutdown()) == "finish:shutdown (first)"


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("restart", Restart)
def test_what_is_no_exception_ends_the_tree_in_order(strategy: Strategy, restart: Restart) -> None:  # 166
    nursery = Nursery(top("a", child("b", restart), "c", strategy=strategy))
    assert nursery.ends("b", CTRL_C).split()[-3:] == ["-c1", "-a1", "finish:KeyboardInterrupt"]


def test_what_is_no_exception_wins_over_the_reason_of_a_stop_in_progress() -> None:  # 166
    nursery = Nursery(top("a", "b"), slow="a")
    nursery.stop()
    assert nursery.ends("a", CTRL_C).endswith("finish:KeyboardInterrupt")


# ------------------------------------------------------------------------------------------------------- G. administration

# phase of the child: what each call answers
STOPPED, RUNNING, RESTARTING, PARKED, UNKNOWN = "stopped", "running", "restarting", "gave up", "unknown"
ANSWERS: dict[str, dict[str, type | None]] = {
    #            add                   terminate      restart          delete
    STOPPED: {"add": ChildAlreadyPresent, "terminate": None, "resurrect": None, "delete": None},  # 78 80 82 84
    RUNNING: {"add": ChildAlreadyStarted, "terminate": None, "resurrect": ChildRunning, "delete": ChildRunning},  # 77 79
    RESTARTING: {"add": ChildAlreadyPresent, "terminate": None, "resurrect": ChildRestarting, "delete": ChildRestarting},  # 81
    PARKED: {"add": ChildAlreadyPresent, "terminate": None, "resurrect": None, "delete": None},  # D16
    UNKNOWN: {"add": None, "terminate": ChildNotFound, "resurrect": ChildNotFound, "delete": ChildNotFound},  # 80 82 84
}


def in_phase(phase: str) -> Nursery:
    backoff = Backoff(1.0, jitter=0.0, give_up_after=2 if phase == PARKED else None)
    intensity = Intensity(9, 10.0, exhausted=Exhausted.GIVE_UP)
    nursery = Nursery(top(*([] if phase == UNKNOWN else [child("a", backoff=backoff)]), "z", intensity=intensity))
    if phase == STOPPED:
        nursery.terminate("a")
    if phase in (RESTARTING, PARKED):
        nursery.ends("a")
    if phase == PARKED:
        nursery.due("a")
        nursery.ends("a")
    assert nursery.phases.get("a", UNKNOWN) == phase
    return nursery


@pytest.mark.parametrize(("phase", "verb"), [(phase, verb) for phase, verbs in ANSWERS.items() for verb in verbs])
def test_what_an_operator_is_answered_depends_on_the_childs_phase(phase: str, verb: str) -> None:
    nursery = in_phase(phase)
    getattr(nursery, verb)("a")
    expected = ANSWERS[phase][verb]
    assert nursery.answer is None if expected is None else isinstance(nursery.answer, expected), nursery.answer


@pytest.mark.parametrize("verb", ["add", "terminate", "resurrect", "delete"])
@pytest.mark.parametrize("stage", ["before the beginning", "after the end"])
def test_a_supervisor_without_a_life_answers_that_there_is_none(stage: str, verb: str) -> None:  # 86
    nursery = Nursery(top("a"), begin=False)
    if stage == "after the end":
        nursery.tell(d.Begin(), d.StopSupervisor(Shutdown()))
    assert getattr(nursery, verb)("a") == ""
    assert isinstance(nursery.answer, NoSuchActor)


@pytest.mark.parametrize("restart", [PERMANENT, TRANSIENT])
def test_a_terminated_child_stays_down_and_known(restart: Restart) -> None:  # 79
    nursery = Nursery(top(child("a", restart)))
    assert nursery.terminate("a") == "-a1 close:a"
    assert nursery.phases == {"a": "stopped"}


def test_a_terminated_temporary_child_is_forgotten() -> None:  # 79, 85
    nursery = Nursery(top(child("a", TEMPORARY)))
    assert nursery.terminate("a") == "-a1 forget:a"
    nursery.resurrect("a")
    assert isinstance(nursery.answer, ChildNotFound)


def test_terminate_is_answered_when_the_child_has_ended_and_not_before() -> None:  # 71
    nursery = Nursery(top("a"), slow="a")
    nursery.starts("a")
    nursery.terminate("a")
    first = nursery.call
    nursery.terminate("a")
    assert nursery.answers == {}
    nursery.ends("a", BOOM)
    assert nursery.answers == {first: None, nursery.call: None}


def test_terminate_cancels_a_restart_for_good() -> None:  # 81
    nursery = Nursery(top(child("a", backoff=Backoff(1.0, jitter=0.0))))
    nursery.ends("a")
    assert nursery.terminate("a") == "a:cancel close:a"
    assert nursery.tell(d.Due("a", 1)) == ""


def test_terminate_of_a_starting_child_fails_the_start_that_was_asked_for() -> None:  # 79, 21
    nursery = Nursery(top("z"), slow="a")
    nursery.add("a")
    start = nursery.call
    assert nursery.terminate("a") == "-a1"
    assert nursery.ends("a", Shutdown()) == "forget:a"
    assert isinstance(nursery.answers[start], StartError)
    assert nursery.answer is None


@pytest.mark.parametrize("strategy", [ONE_FOR_ALL, REST_FOR_ONE])
def test_a_child_terminated_in_a_group_restart_is_left_out_of_it(strategy: Strategy) -> None:  # 79
    nursery = Nursery(top("a", "b", "c", strategy=strategy), slow="b")
    nursery.starts("b")
    nursery.ends("a")
    nursery.terminate("c")
    assert nursery.ends("b", Shutdown()) == "+a2 +b2"
    assert nursery.starts("b") == ""
    assert nursery.phases["c"] == "stopped"


def test_a_hand_restart_that_fails_leaves_the_child_stopped_and_known() -> None:  # 83
    nursery = Nursery(top("a", "b"))
    nursery.terminate("a")
    nursery.failing = {"a"}
    assert nursery.resurrect("a") == "+a2 close:a"
    assert isinstance(nursery.answer, StartError)
    assert nursery.phases == {"a": "stopped", "b": "running"}
    assert nursery.machine.restarts_in_window(0.0) == 0


def test_nobody_is_brought_back_by_a_supervisor_that_stops() -> None:  # 25
    nursery = Nursery(top("a", "b"), slow="a")
    nursery.terminate("b")
    nursery.stop()
    assert nursery.resurrect("b") == ""
    assert isinstance(nursery.answer, NoSuchActor)


def test_a_deleted_child_is_unknown() -> None:  # 84
    nursery = Nursery(top("a"))
    nursery.terminate("a")
    assert nursery.delete("a") == "forget:a"
    nursery.resurrect("a")
    assert isinstance(nursery.answer, ChildNotFound)


def test_a_start_that_nobody_waits_for_is_undone() -> None:  # 91, 169, 172
    nursery = Nursery(top("z"), slow="a")
    nursery.add("a")
    assert nursery.abandon("a") == "-a1"
    assert nursery.ends("a", Shutdown()) == "forget:a"


def test_a_hand_restart_that_nobody_waits_for_is_undone() -> None:  # 172
    nursery = Nursery(top("a"), slow="a")
    nursery.starts("a")
    nursery.terminate("a")
    nursery.ends("a", Shutdown())
    nursery.resurrect("a")
    assert nursery.abandon("a") == "-a2"
    assert nursery.ends("a", Shutdown()) == "close:a"
    assert nursery.phases == {"a": "stopped"}


@pytest.mark.parametrize("known", [True, False])
def test_a_start_that_nobody_waits_for_is_undone_before_its_turn_in_a_group(known: bool) -> None:  # 172
    nursery = Nursery(top("a", "b", *(["c"] if known else []), strategy=ONE_FOR_ALL), slow="b")
    nursery.starts("b")
    if known:
        nursery.terminate("c")
    nursery.ends("a")
    if known:
        assert nursery.resurrect("c") == ""
        nursery.resurrect("c")
        assert isinstance(nursery.answer, ChildRestarting)  # a group restart brings it back anyway (53)
    else:
        nursery.add("c")
        assert nursery.abandon("c") == "forget:c"
    assert nursery.ends("b", Shutdown()) == "+a2 +b2"


def test_a_start_that_is_done_is_not_undone() -> None:  # 172
    nursery = Nursery(top("z"))
    nursery.add("a")
    assert nursery.abandon("a") == ""
    assert nursery.running == "z1 a1"


# --------------------------------------------------------------------------------------------------- I. significant children


def significant(restart: Restart, auto: AutoShutdown, strategy: Strategy = ONE_FOR_ONE) -> Nursery:
    first, second = (child(key, restart, significant=auto is not NEVER) for key in "ab")
    return Nursery(top(first, second, "c", strategy=strategy, auto_shutdown=auto))


ENDS_FOR_GOOD = [
    (TEMPORARY, Normal()),
    (TEMPORARY, BOOM),
    (TEMPORARY, Killed()),
    (TRANSIENT, Normal()),
    (TRANSIENT, Shutdown()),
]


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize(("restart", "reason"), ENDS_FOR_GOOD, ids=str)
def test_any_significant_child_that_ends_for_good_ends_the_supervisor(
    strategy: Strategy, restart: Restart, reason: ExitReason
) -> None:  # 98
    assert significant(restart, ANY, strategy).ends("a", reason).endswith("-c1 -b1 finish:shutdown")


@pytest.mark.parametrize("auto", [ANY, ALL])
@pytest.mark.parametrize("reason", CRASHES, ids=str)
def test_a_significant_transient_child_that_crashes_is_restarted(auto: AutoShutdown, reason: ExitReason) -> None:  # 99
    nursery = significant(TRANSIENT, auto)
    assert nursery.ends("a", reason) == "+a2"


@pytest.mark.parametrize(("restart", "reason"), ENDS_FOR_GOOD, ids=str)
def test_under_all_significant_the_last_one_counts(restart: Restart, reason: ExitReason) -> None:  # 100
    nursery = significant(restart, ALL)
    assert "finish" not in nursery.ends("a", reason)
    assert nursery.ends("b", reason).endswith("-c1 finish:shutdown")


@pytest.mark.parametrize("auto", [ANY, ALL])
def test_terminating_significant_children_by_hand_ends_nothing(auto: AutoShutdown) -> None:  # 101
    nursery = significant(TRANSIENT, auto)
    nursery.terminate("a")
    nursery.terminate("b")
    assert nursery.running == "c1"


@pytest.mark.parametrize("auto", [ANY, ALL])
@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("restart", [TRANSIENT, TEMPORARY])
def test_significant_bystanders_of_a_group_restart_end_nothing(
    strategy: Strategy, auto: AutoShutdown, restart: Restart
) -> None:  # 102
    bystanders = [child(key, restart, significant=True) for key in "bc"]
    nursery = Nursery(top("a", *bystanders, strategy=strategy, auto_shutdown=auto))
    nursery.ends("a")
    assert nursery.machine.stage is Stage.STEADY


@pytest.mark.parametrize("auto", AutoShutdown)
@pytest.mark.parametrize(("restart", "reason"), ENDS_FOR_GOOD, ids=str)
def test_other_children_end_nothing(auto: AutoShutdown, restart: Restart, reason: ExitReason) -> None:  # 103
    nursery = Nursery(top(child("a", restart), "b", auto_shutdown=auto))
    nursery.ends("a", reason)
    assert nursery.running == "b1"


def test_auto_shutdown_works_over_dynamic_children() -> None:  # 105
    nursery = Nursery(dynamic(auto_shutdown=ALL))
    nursery.add("a", TEMPORARY, significant=True)
    nursery.add("b", TEMPORARY, significant=True)
    assert nursery.ends("a") == "forget:a"
    assert nursery.ends("b") == "forget:b finish:shutdown"


def test_a_restarting_significant_child_counts_as_active_and_a_terminated_one_does_not() -> None:  # 106
    first = child("a", TRANSIENT, significant=True, backoff=Backoff())
    nursery = Nursery(top(first, child("b", TRANSIENT, significant=True), auto_shutdown=ALL))
    nursery.ends("a")
    assert "finish" not in nursery.ends("b", Normal())
    nursery.resurrect("b")
    nursery.terminate("a")
    assert "finish:shutdown" in nursery.ends("b", Normal())


# ------------------------------------------------------------------------------------------------------------- J. escalation


@pytest.mark.parametrize("restart", [PERMANENT, TRANSIENT])
def test_a_supervisor_past_its_budget_has_failed_so_its_own_supervisor_restarts_it(restart: Restart) -> None:  # 107, 108, D5
    inner = Nursery(top("a", intensity=Intensity(0, 10.0)))
    inner.ends("a")
    assert inner.finished is not None
    outer = Nursery(top(child("top", restart)))
    assert outer.ends("top", inner.finished) == "+top2"
    assert outer.machine.restarts_in_window(0.0) == 1


# --------------------------------------------------------------------------------------------------------- K. dynamic


@pytest.mark.parametrize(("restart", "how"), COMES_BACK)
def test_dynamic_children_come_back_by_their_restart_type(restart: Restart, how: str) -> None:  # 113
    for reason in CLEAN if how == "clean" else CRASHES:
        nursery = Nursery(dynamic())
        nursery.add("a", restart)
        assert nursery.ends("a", reason) == COMES_BACK[restart, how].replace("close", "forget"), reason


def test_max_children_counts_who_waits_for_a_restart() -> None:  # 114
    nursery = Nursery(dynamic(max_children=2))
    nursery.add("a", backoff=Backoff())
    nursery.add("b")
    nursery.ends("a")
    assert nursery.add("c") == ""
    assert isinstance(nursery.answer, MaxChildrenReached)
    nursery.terminate("a")
    assert nursery.add("c") == "+c1"


def test_max_children_may_be_zero() -> None:  # 114
    nursery = Nursery(dynamic(max_children=0))
    nursery.add("a")
    assert isinstance(nursery.answer, MaxChildrenReached)


def test_a_terminated_dynamic_child_is_gone() -> None:  # 115, D2
    nursery = Nursery(dynamic())
    nursery.add("a")
    assert nursery.terminate("a") == "-a1 forget:a"
    nursery.terminate("a")
    assert isinstance(nursery.answer, ChildNotFound)


def test_a_dynamic_child_whose_restart_says_ignore_is_forgotten() -> None:  # 116, D4
    nursery = Nursery(dynamic())
    nursery.add("a")
    nursery.ignoring = {"a"}
    assert nursery.ends("a") == "+a2 forget:a"


def test_a_child_recovers_when_a_later_attempt_succeeds() -> None:  # 117
    nursery = Nursery(dynamic(), slow="a")
    nursery.add("a")
    nursery.starts("a")
    nursery.ends("a")
    nursery.ends("a")
    nursery.starts("a")
    assert nursery.running == "a3"
    assert nursery.machine.restarts_in_window(0.0) == 2


# ------------------------------------------------------------------------------------------- D16: whose budget, and giving up


def test_with_a_budget_each_children_do_not_use_up_each_others() -> None:  # D16
    nursery = Nursery(top("a", "b", intensity=Intensity(1, 10.0, scope=Scope.CHILD)))
    nursery.ends("a")
    assert nursery.ends("b") == "+b2"
    assert nursery.ends("a").startswith("gave-up:a -b2 finish:RestartIntensityExceeded")
    assert nursery.machine.child_restarts_in_window("a", 0.0) == nursery.machine.child_restarts_in_window("b", 0.0) == 1
    assert nursery.machine.restarts_in_window(0.0) == 2


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("strategy", Strategy)
def test_who_is_given_up_is_parked_and_its_siblings_live_on(strategy: Strategy, scope: Scope) -> None:  # D16
    intensity = Intensity(0, 10.0, scope=scope, exhausted=Exhausted.GIVE_UP)
    nursery = Nursery(top("a", "b", strategy=strategy, intensity=intensity))
    assert nursery.ends("a") == "gave-up:a close:a"
    assert nursery.running == "b1"
    assert nursery.phases["a"] == "gave up"


def test_a_restart_that_did_not_happen_is_not_counted() -> None:  # D16, 38
    intensity = Intensity(1, 10.0, exhausted=Exhausted.GIVE_UP)
    nursery = Nursery(top("a", "b", "c", intensity=intensity))
    nursery.ends("a")
    nursery.now = 6.0
    assert nursery.ends("b") == "gave-up:b close:b"
    nursery.now = 11.0
    assert nursery.ends("c") == "+c2"


def test_a_parked_child_is_left_out_of_group_restarts() -> None:  # D16
    intensity = Intensity(1, 10.0, scope=Scope.CHILD, exhausted=Exhausted.GIVE_UP)
    nursery = Nursery(top("a", "b", strategy=ONE_FOR_ALL, intensity=intensity))
    nursery.ends("b")
    nursery.ends("b")
    assert nursery.ends("a") == "+a3"
    assert nursery.phases["b"] == "gave up"


def parked(spec: SupervisorSpec | DynamicSupervisorSpec) -> Nursery:
    nursery = Nursery(spec)
    nursery.add("a")
    nursery.ends("a")
    nursery.ends("a")
    assert nursery.phases["a"] == "gave up"
    return nursery


LENIENT = Intensity(1, 10.0, scope=Scope.CHILD, exhausted=Exhausted.GIVE_UP)
PARKED_IN = pytest.mark.parametrize(
    "spec", [top("z", intensity=LENIENT), dynamic(intensity=LENIENT)], ids=["static", "dynamic"]
)


@PARKED_IN
def test_a_parked_child_is_brought_back_by_hand_with_a_fresh_budget(spec: SupervisorSpec) -> None:  # D16
    nursery = parked(spec)
    assert nursery.resurrect("a") == "+a3"
    assert nursery.ends("a") == "+a4"


@PARKED_IN
def test_a_parked_child_that_cannot_be_brought_back_stays_parked(spec: SupervisorSpec) -> None:  # D16
    nursery = parked(spec)
    nursery.failing = {"a"}
    assert nursery.resurrect("a") == "+a3 close:a"
    assert isinstance(nursery.answer, StartError)
    assert nursery.phases["a"] == "gave up"


@PARKED_IN
def test_a_parked_child_stays_parked_if_nobody_waits_for_its_hand_restart(spec: SupervisorSpec) -> None:  # D16, 172
    nursery = parked(spec)
    nursery.slow = {"a"}
    nursery.resurrect("a")
    nursery.abandon("a")
    nursery.terminate("a")  # which only waits for what is being undone
    assert nursery.ends("a", Shutdown()) == "close:a"
    assert nursery.phases["a"] == "gave up"
    assert nursery.answer is None


def test_a_stop_answers_who_waits_for_a_parked_childs_turn() -> None:  # D16
    intensity = Intensity(1, 10.0, scope=Scope.CHILD, exhausted=Exhausted.GIVE_UP)
    nursery = Nursery(top("a", "b", "c", strategy=ONE_FOR_ALL, intensity=intensity), slow="b")
    nursery.starts("b")
    nursery.ends("c")
    nursery.ends("b", Shutdown())
    nursery.starts("b")
    nursery.ends("c")
    nursery.ends("a")
    assert nursery.resurrect("c") == ""
    nursery.stop()
    assert isinstance(nursery.answer, NoSuchActor)


# --------------------------------------------------------------------------------------------------- S. delays between lives


def delays(nursery: Nursery) -> list[float]:
    return [effect.delay for effect in nursery.effects if isinstance(effect, d.Restarting)]


def test_delays_grow_with_the_failures_in_a_row_failed_starts_included() -> None:  # 192, 196
    nursery = Nursery(top(child("a", backoff=Backoff(1.0, 5.0, jitter=0.0))))
    found = []
    nursery.failing = {"a"}
    nursery.ends("a")
    for _ in range(4):
        found += delays(nursery)
        nursery.due("a")
    assert found + delays(nursery) == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert nursery.machine.restarts_in_window(0.0) == 5


@pytest.mark.parametrize(("lasted", "delay"), [(0.0, 2.0), (5.9, 2.0), (6.0, 1.0), (100.0, 1.0)])
def test_a_stable_life_sets_the_delay_back(lasted: float, delay: float) -> None:  # 193
    nursery = Nursery(top(child("a", backoff=Backoff(1.0, 11.0, jitter=0.0))))
    nursery.ends("a")
    nursery.due("a")
    nursery.now += lasted
    nursery.ends("a")
    assert delays(nursery) == [delay]


def test_a_long_start_is_no_stable_life() -> None:  # 193
    nursery = Nursery(top(child("a", backoff=Backoff(1.0, 11.0, jitter=0.0))), slow="a")
    nursery.starts("a")
    nursery.ends("a")
    nursery.due("a")
    nursery.now += 100.0
    nursery.ends("a")
    assert delays(nursery) == [2.0]


@pytest.mark.parametrize(("random", "delay"), [(0.0, 0.5), (0.5, 1.0), (0.75, 1.25)])
def test_jitter_is_made_of_the_random_number_that_was_given(random: float, delay: float) -> None:
    nursery = Nursery(top(child("a", backoff=Backoff(1.0, jitter=0.5))))
    assert nursery.ends("a", random=random) == f"a:{delay:g}s"


def test_the_child_starts_when_its_delay_is_over_and_not_before() -> None:  # 195
    nursery = Nursery(top(child("a", backoff=Backoff(1.0, jitter=0.0)), "b"))
    assert nursery.ends("a") == "a:1s"
    assert nursery.ends("b") == "+b2"
    assert nursery.due("a") == "+a2"


def test_a_group_waits_for_the_delay_of_the_child_that_failed() -> None:  # 195
    nursery = Nursery(top("a", child("b", backoff=Backoff(1.0, jitter=0.0)), "c", strategy=REST_FOR_ONE), slow="c")
    nursery.starts("c")
    assert nursery.ends("b") == "b:1s -c1"
    assert nursery.due("b") == ""
    assert nursery.ends("c", Shutdown()) == "+b2 +c2"


def test_a_group_goes_on_without_a_child_that_is_terminated_in_its_delay() -> None:  # 81, 195
    nursery = Nursery(top(child("a", backoff=Backoff(1.0, jitter=0.0)), "b", strategy=ONE_FOR_ALL))
    assert nursery.ends("a") == "a:1s -b1"
    assert nursery.terminate("a") == "a:cancel close:a +b2"


@pytest.mark.parametrize("exhausted", Exhausted)
def test_so_many_failures_in_a_row_are_too_many(exhausted: Exhausted) -> None:  # 194, D10
    backoff = Backoff(1.0, jitter=0.0, give_up_after=3)
    nursery = Nursery(top(child("a", backoff=backoff), "b", intensity=Intensity(100, 10.0, exhausted=exhausted)))
    for _ in range(2):
        nursery.ends("a")
        nursery.due("a")
    end = "close:a" if exhausted is Exhausted.GIVE_UP else "-b1 finish:RestartIntensityExceeded"
    assert nursery.ends("a").startswith(f"gave-up:a {end}")


def test_the_default_backoff_never_trips_the_default_intensity() -> None:  # D10, 196
    nursery = Nursery(top(child("a", backoff=Backoff()), intensity=Intensity()))
    for _ in range(200):
        nursery.ends("a", random=0.0)
        wait = next(effect for effect in nursery.effects if isinstance(effect, d.Wait))
        nursery.now += wait.delay
        nursery.due("a")
    assert nursery.running == "a201"


# ---------------------------------------------------------------------------------------------------- 163: who does not end


def test_who_asked_for_a_stop_is_told_that_the_child_does_not_end() -> None:
    nursery = Nursery(top("a"), slow="a")
    nursery.starts("a")
    nursery.terminate("a")
    nursery.overruns("a")
    assert isinstance(nursery.answer, Unstopped)
    assert nursery.answer.stack == "its stack"
    nursery.terminate("a")
    assert isinstance(nursery.answer, Unstopped)


def test_a_child_that_does_not_end_is_never_doubled() -> None:
    nursery = Nursery(top("a"), slow="a")
    nursery.starts("a")
    nursery.terminate("a")
    nursery.overruns("a")
    assert nursery.resurrect("a") == ""
    assert isinstance(nursery.answer, ChildRunning)
    assert nursery.ends("a", Killed()) == "close:a"
    assert nursery.resurrect("a") == "+a2"


def test_a_group_restart_goes_on_without_a_child_that_does_not_end_and_takes_it_in_later() -> None:
    nursery = Nursery(top("a", "b", "c", strategy=ONE_FOR_ALL), slow="b")
    nursery.starts("b")
    assert nursery.ends("a") == "-c1 -b1"
    assert nursery.overruns("b") == "+a2 +c2"
    assert nursery.ends("b", Killed()) == "+b2"


def test_a_second_group_restart_does_not_lose_the_child_that_does_not_end() -> None:
    nursery = Nursery(top("a", "b", "c", strategy=REST_FOR_ONE), slow="b")
    nursery.starts("b")
    nursery.ends("a")
    nursery.overruns("b")
    assert nursery.ends("c") == "+c3"
    assert nursery.ends("b", Killed()) == "+b2"


def test_a_child_that_ends_late_waits_for_the_group_restart_in_progress() -> None:  # 50
    nursery = Nursery(top("a", "b", "c", strategy=ONE_FOR_ALL), slow="b")
    nursery.starts("b")
    nursery.ends("a")
    nursery.overruns("b")
    nursery.slow = {"b", "c"}
    assert nursery.ends("a") == "-c2"
    assert nursery.ends("b", Killed()) == ""
    assert nursery.ends("c", Shutdown()) == "+a3 +b2"


def test_the_others_stop_and_the_supervisor_waits_for_the_one_that_does_not_end() -> None:
    nursery = Nursery(top("a", "b"), slow="b")
    nursery.starts("b")
    nursery.stop()
    assert nursery.overruns("b") == "-a1"
    assert nursery.finished is None
    assert nursery.ends("b", Killed()) == "finish:shutdown"


def test_a_refill_is_not_held_up_by_a_child_that_was_terminated_and_does_not_end() -> None:  # 163
    nursery = Nursery(top("a", "b", "c", strategy=ONE_FOR_ALL), slow="b")
    nursery.starts("b")
    nursery.ends("a")
    assert nursery.ends("b", Shutdown()) == "+a2 +b2"
    assert nursery.terminate("b") == "-b2"
    assert nursery.overruns("b") == "+c2"


def test_a_child_that_its_watchdog_killed_and_that_does_not_end_is_reported_to_who_stops_it() -> None:
    nursery = Nursery(top("a", "b"), slow="b")
    nursery.starts("b")
    assert nursery.overruns("b") == ""  # killed by its watchdog, not by us
    assert nursery.terminate("b") == "-b1"
    assert isinstance(nursery.answer, Unstopped)
    assert nursery.stop() == "-a1"


def test_a_hung_child_that_ends_at_last_is_restarted() -> None:
    nursery = Nursery(top("a"), slow="a")
    nursery.starts("a")
    nursery.overruns("a")
    assert nursery.ends("a") == "+a2"


def test_who_asked_for_a_start_is_told_that_it_hangs_beyond_its_kill() -> None:
    nursery = Nursery(top("z"), slow="a")
    nursery.add("a")
    nursery.overruns("a")
    assert isinstance(nursery.answer, Unstopped)
    assert nursery.ends("a", Killed()) == "forget:a"


def test_a_child_that_says_ignore_while_its_group_is_stopped_gets_its_turn_again() -> None:  # 53
    nursery = Nursery(top("a", strategy=ONE_FOR_ALL), slow="z")
    nursery.add("z")
    assert nursery.ends("a") == "-z1"
    assert nursery.tell(d.Ignored("z", 1)) == "+a2 +z2"
    assert nursery.answer == "waits"


def test_a_child_that_says_ignore_when_nobody_waits_any_more_is_forgotten() -> None:  # 172
    nursery = Nursery(top("z"), slow="a")
    nursery.add("a")
    nursery.abandon("a")
    assert nursery.tell(d.Ignored("a", 1)) == "forget:a"


def test_an_overdue_child_that_says_ignore_is_no_longer_overdue() -> None:
    nursery = Nursery(top("a"), slow="a")
    nursery.terminate("a")
    nursery.overruns("a")
    nursery.tell(d.Ignored("a", 1))
    nursery.resurrect("a")
    nursery.starts("a")
    nursery.terminate("a")
    assert nursery.answer == "waits"


# ------------------------------------------------------------------------------------------------------------------ the rest


@pytest.mark.parametrize(
    "spec", [top("a", "b", strategy=one) for one in Strategy] + [dynamic()], ids=lambda spec: repr(spec)[:9]
)
@pytest.mark.parametrize("stage", range(5))
def test_nonsense_changes_nothing(spec: SupervisorSpec, stage: int) -> None:
    nursery = Nursery(spec, slow="b", begin=stage > 0)
    if stage > 1:
        nursery.add("b")
        nursery.tell(d.Started("b", 1))
    if stage > 2:
        nursery.terminate("b")
    if stage > 3:
        nursery.tell(d.StopSupervisor(Shutdown()))
    for key, life in product(["", "nobody", "a", "b"], [-1, 7]):
        about_a_life = [d.Started(key, life), d.Ignored(key, life), d.Ended(key, life, BOOM), d.Overdue(key, life)]
        assert nursery.tell(*about_a_life, d.Due(key, life), d.Abandon(key, object()), d.Abandon(key, None)) == ""


def test_a_copy_goes_its_own_way() -> None:
    nursery = Nursery(top("a", "b", strategy=ONE_FOR_ALL), slow="b")
    nursery.starts("b")
    nursery.terminate("b")
    twin = nursery.machine.copy()
    twin.decide(d.Overdue("b", 1), 0.0, 0.5)
    twin.decide(d.Ended("a", 1, BOOM), 0.0, 0.5)
    assert nursery.machine.stage is Stage.STEADY
    assert nursery.machine.restarts_in_window(0.0) == 0
    assert not nursery.machine.children["b"].overdue
    assert nursery.ends("b") == "close:b"
    assert nursery.answer is None


@pytest.mark.parametrize(
    ("reason", "cause"), [(BOOM, BOOM.error), (Killed(), None), (Normal(), None)], ids=["failed", "killed", "normal"]
)
def test_a_start_error_has_the_childs_error_as_its_cause(reason: ExitReason, cause: BaseException | None) -> None:
    error = start_error("top/a", reason)
    assert (error.path, error.reason, error.__cause__) == ("top/a", reason, cause)


def test_the_budget_counts_nothing_where_nothing_is_known() -> None:
    machine = RestartMachine(top("a", intensity=Intensity(1, 10.0, scope=Scope.CHILD)))
    assert machine.restarts_in_window(0.0) == 0
    assert machine.child_restarts_in_window("a", 0.0) == 0
    assert machine.child_restarts_in_window("nobody", 0.0) == 0


def test_ten_thousand_restarts_leave_nothing_behind() -> None:  # 176
    nursery = Nursery(top("a", "b", intensity=Intensity(10, 1.0)))
    for _ in range(10_000):
        nursery.now += 0.2
        nursery.ends("a")
    assert len(nursery.machine._budget._times) <= 10
    assert nursery.running == "a10001 b1"


def test_a_machine_begins_once() -> None:
    nursery = Nursery(top("a"))
    assert nursery.tell(d.Begin()) == ""
