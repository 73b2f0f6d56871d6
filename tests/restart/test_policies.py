"""The restart machine: what `on_error` says, and requests to stop the whole tree."""

from __future__ import annotations

from typing import Any

import pytest

from supervisor import decisions as d
from supervisor.errors import SpecError, StartError
from supervisor.exits import ExitReason, Failed, Ignore, Killed, Normal, Shutdown, Stop, TreeStop
from supervisor.policies import OnError, policy_for, rules
from supervisor.spec import AutoShutdown, Intensity, Restart, Strategy
from tests.restart.support import BOOM, ONE_FOR_ALL, TEMPORARY, TRANSIENT, Nursery, child, dynamic, top

STOP = {ValueError: OnError.STOP}
ESCALATE = {ValueError: OnError.ESCALATE}
REQUEST = Shutdown(TreeStop("done"))
CONTAINED = Shutdown(TreeStop("done", contained=True))


@pytest.mark.item(198)
@pytest.mark.parametrize(
    ("error", "policy"),
    [
        (LookupError(), OnError.STOP),
        (KeyError("a"), OnError.RESUME),
        (IndexError(), OnError.STOP),
        (OSError(), OnError.ESCALATE),
        (TimeoutError(), OnError.ESCALATE),
        (ValueError(), None),
        (KeyboardInterrupt(), None),
    ],
    ids=repr,
)
def test_the_most_specific_class_decides(error: BaseException, policy: OnError | None) -> None:
    given = rules({LookupError: OnError.STOP, KeyError: OnError.RESUME, OSError: OnError.ESCALATE})
    assert policy_for(given, Failed(error)) is policy


A_CLASS = "expected a class of errors, such as ValueError; Stop and Ignore are none"
NO_RULES: list[tuple[Any, str]] = [
    (5, "on_error is 5; expected a mapping of errors, such as {ValueError: OnError.STOP}"),
    ((5,), "on_error is 5; expected pairs of an error's class and an OnError"),
    (((ValueError,),), "on_error is (<class 'ValueError'>,); expected pairs of an error's class and an OnError"),
    ({5: OnError.STOP}, f"on_error is 5; {A_CLASS}"),
    ({int: OnError.STOP}, f"on_error is <class 'int'>; {A_CLASS}"),
    ({KeyboardInterrupt: OnError.STOP}, f"on_error is <class 'KeyboardInterrupt'>; {A_CLASS}"),
    ({Stop: OnError.STOP}, f"on_error is {Stop!r}; {A_CLASS}"),
    ({Ignore: OnError.STOP}, f"on_error is {Ignore!r}; {A_CLASS}"),
    ({ValueError: "stop"}, "on_error[ValueError] is 'stop'; expected OnError.RESUME, RESTART, STOP or ESCALATE"),
]


@pytest.mark.item(198)
@pytest.mark.parametrize(("given", "sentence"), NO_RULES, ids=[str(number) for number in range(len(NO_RULES))])
def test_what_are_no_rules_is_refused_with_what_to_type(given: Any, sentence: str) -> None:
    with pytest.raises(SpecError) as caught:
        rules(given)
    assert str(caught.value) == sentence


@pytest.mark.item(198)
def test_rules_may_be_given_as_pairs_too() -> None:
    pairs = ((KeyError, OnError.STOP), (ValueError, OnError.ESCALATE))
    assert rules(pairs) == rules(dict(pairs)) == pairs


@pytest.mark.item(198)
@pytest.mark.parametrize("reason", [Normal(), Shutdown(), Killed()])
def test_rules_are_about_errors_only(reason: ExitReason) -> None:
    assert policy_for(rules({Exception: OnError.STOP}), reason) is None


@pytest.mark.item(34, 198)
@pytest.mark.parametrize("strategy", Strategy)
def test_a_child_whose_error_says_stop_is_parked_and_its_siblings_live_on(strategy: Strategy) -> None:
    nursery = Nursery(top("a", child("b", on_error=STOP), "c", strategy=strategy))
    assert nursery.ends("b") == "gave-up:b close:b"
    assert d.GaveUp("b", BOOM, "its on_error", escalates=False) in nursery.effects
    assert nursery.running == "a1 c1"
    assert nursery.machine.restarts_in_window(0.0) == 0


@pytest.mark.item(198)
def test_an_error_that_no_rule_names_is_up_to_the_restart_type() -> None:
    nursery = Nursery(top(child("a", on_error={KeyError: OnError.STOP})))
    assert nursery.ends("a") == "+a2"


@pytest.mark.item(198)
@pytest.mark.parametrize("policy", [OnError.RESTART, OnError.STOP])
def test_a_child_that_would_not_come_back_is_forgotten_whatever_the_rules(policy: OnError) -> None:
    nursery = Nursery(top(child("a", TEMPORARY, on_error={ValueError: policy})))
    assert nursery.ends("a") == "forget:a"


@pytest.mark.item(198)
@pytest.mark.parametrize("restart", Restart)
def test_an_error_that_escalates_fails_the_supervisor_at_once_with_it(restart: Restart) -> None:
    nursery = Nursery(top("a", child("b", restart, on_error=ESCALATE), "c"))
    assert nursery.ends("b") == "gave-up:b -c1 -a1 finish:ValueError: boom"
    assert nursery.finished == BOOM
    assert d.GaveUp("b", BOOM, "its on_error", escalates=True) in nursery.effects


@pytest.mark.item(198)
def test_rules_hold_for_a_restart_that_fails_too() -> None:
    nursery = Nursery(top(child("a", on_error=STOP)), slow="a")
    nursery.starts("a")
    nursery.ends("a", Killed())
    assert nursery.ends("a") == "gave-up:a close:a"


@pytest.mark.item(198)
def test_a_first_start_that_fails_is_a_failed_start_whatever_the_rules() -> None:
    nursery = Nursery(top(child("a", on_error=STOP)), slow="a")
    assert nursery.ends("a").startswith("finish:StartError")


@pytest.mark.item(112)
@pytest.mark.parametrize("strategy", Strategy)
def test_a_child_can_have_the_whole_tree_stopped(strategy: Strategy) -> None:
    nursery = Nursery(top("a", "b", "c", strategy=strategy))
    assert nursery.ends("b", REQUEST) == "close:b -c1 -a1 finish:shutdown (of the whole tree: done)"
    assert nursery.finished == REQUEST


@pytest.mark.item(112)
def test_a_supervisor_that_contains_the_request_says_so_to_those_above() -> None:
    nursery = Nursery(top("a", "b", contains_stop=True))
    nursery.ends("b", REQUEST)
    assert nursery.finished == CONTAINED


@pytest.mark.item(112)
def test_a_dynamic_supervisor_passes_the_request_on_or_contains_it() -> None:
    for contains, reason in ((False, REQUEST), (True, CONTAINED)):
        nursery = Nursery(dynamic(contains_stop=contains))
        nursery.add("a")
        nursery.add("b")
        assert nursery.ends("a", REQUEST).startswith("forget:a -b1 finish:")
        assert nursery.finished == reason


@pytest.mark.item(112)
@pytest.mark.parametrize("strategy", Strategy)
def test_who_contained_the_request_is_not_restarted_and_its_siblings_live_on(strategy: Strategy) -> None:
    nursery = Nursery(top("a", "b", "c", strategy=strategy))
    assert nursery.ends("b", CONTAINED) == "close:b"
    assert nursery.running == "a1 c1"


@pytest.mark.item(112)
def test_who_contained_the_request_is_a_significant_end() -> None:
    nursery = Nursery(top("a", child("b", TRANSIENT, significant=True), auto_shutdown=AutoShutdown.ANY_SIGNIFICANT))
    assert nursery.ends("b", CONTAINED) == "close:b -a1 finish:shutdown"


@pytest.mark.item(21, 112)
def test_who_waits_for_a_start_that_asks_for_the_end_of_the_tree_is_told_why() -> None:
    nursery = Nursery(top("z"), slow="a")
    nursery.add("a")
    assert nursery.ends("a", REQUEST).startswith("forget:a -z1 finish")
    assert isinstance(nursery.answer, StartError)
    assert nursery.answer.reason == REQUEST


@pytest.mark.item(112)
def test_a_request_of_a_child_that_is_being_stopped_with_its_group_is_heard() -> None:
    nursery = Nursery(top("a", "b", "c", strategy=ONE_FOR_ALL), slow="c")
    nursery.starts("c")
    assert nursery.ends("a") == "-c1"
    assert nursery.ends("c", REQUEST) == "-b1 finish:shutdown (of the whole tree: done)"


@pytest.mark.item(112)
def test_a_request_while_the_tree_stops_changes_nothing() -> None:
    nursery = Nursery(top("a", "b"), slow="b")
    nursery.starts("b")
    nursery.stop()
    assert nursery.ends("b", REQUEST) == "-a1 finish:shutdown"


@pytest.mark.item(112)
def test_a_request_costs_no_budget() -> None:
    nursery = Nursery(top("a", intensity=Intensity(0, 10.0)))
    assert nursery.ends("a", REQUEST) == "close:a finish:shutdown (of the whole tree: done)"


@pytest.mark.item(112)
def test_who_contained_a_request_before_it_was_ready_is_no_failed_start() -> None:
    nursery = Nursery(top("a", "b"), slow="a")
    assert nursery.ends("a", CONTAINED) == "close:a +b1 ready"
    assert nursery.running == "b1"
    assert nursery.phases["a"] == "stopped"


@pytest.mark.item(112)
def test_who_is_added_and_contains_a_request_before_it_is_ready_is_answered_as_one_that_ignored() -> None:
    nursery = Nursery(top("a"), slow="z")
    nursery.add("z")
    assert nursery.ends("z", CONTAINED) == "close:z"
    assert nursery.answer is None
    assert nursery.phases["z"] == "stopped"


@pytest.mark.item(112)
def test_a_request_that_is_not_contained_fails_a_first_start() -> None:
    nursery = Nursery(top("a"), slow="z")
    nursery.add("z")
    assert nursery.ends("z", REQUEST) == "forget:z -a1 finish:shutdown (of the whole tree: done)"
    assert isinstance(nursery.answer, StartError)


@pytest.mark.item(198)
@pytest.mark.parametrize("auto", [AutoShutdown.ANY_SIGNIFICANT, AutoShutdown.ALL_SIGNIFICANT])
def test_a_significant_child_that_its_error_stops_counts_as_ended(auto: AutoShutdown) -> None:
    nursery = Nursery(top("a", child("b", TRANSIENT, significant=True, on_error=STOP), auto_shutdown=auto))
    assert nursery.ends("b") == "gave-up:b close:b -a1 finish:shutdown"


@pytest.mark.item(198)
def test_another_child_that_its_error_stops_ends_nothing() -> None:
    significant = child("b", TRANSIENT, significant=True)
    nursery = Nursery(top(child("a", on_error=STOP), significant, auto_shutdown=AutoShutdown.ANY_SIGNIFICANT))
    assert nursery.ends("a") == "gave-up:a close:a"
    assert nursery.running == "b1"
