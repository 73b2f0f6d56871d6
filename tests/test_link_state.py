from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.link_state import TABLE, LinkChange, LinkEvent, LinkLimits, LinkPhase, LinkState
from supervisor import SpecError

HEALTHY, DEGRADED, UNSTABLE, FAILING, FAILED, RECOVERING, FALLBACK = LinkPhase
STABLE, FLAPPING, STORM, EXHAUSTED, FALLBACK_DATA = DERIVED = list(LinkEvent)[-5:]
TOLD = list(LinkEvent)[:-5]
CONNECTED, DATA, PINGED, SILENT, LOST, REFUSED, GAVE_UP, WAITS = TOLD[:8]
FALLBACK_ON, FALLBACK_OFF, POLLING_ON, POLLED, STARVED, POLLING_OFF = TOLD[8:]


def link(phase: LinkPhase, **limits: Any) -> LinkState:
    machine = LinkState(LinkLimits(**limits))
    machine.phase = phase
    machine.on_fallback = phase is FALLBACK
    return machine


def fed(machine: LinkState, *events: LinkEvent, now: float = 0.0) -> LinkPhase:
    for event in events:
        machine.feed(event, now)
    return machine.phase


#             STABLE      DATA        SILENT    LOST      FLAPPING  STORM    REFUSED  EXHAUSTED GAVE_UP  F_DATA    F_OFF
# and POLLED leads where FALLBACK_DATA does; STARVED and POLLING_OFF are below
MEANING = {
    HEALTHY: (HEALTHY, HEALTHY, DEGRADED, DEGRADED, UNSTABLE, FAILING, FAILING, FAILED, FAILED, FALLBACK, HEALTHY),
    DEGRADED: (HEALTHY, DEGRADED, DEGRADED, DEGRADED, UNSTABLE, FAILING, FAILING, FAILED, FAILED, FALLBACK, DEGRADED),
    UNSTABLE: (RECOVERING, UNSTABLE, UNSTABLE, UNSTABLE, UNSTABLE, FAILING, FAILING, FAILED, FAILED, FALLBACK, UNSTABLE),
    FAILING: (FAILING, RECOVERING, FAILING, FAILING, FAILING, FAILING, FAILING, FAILED, FAILED, FALLBACK, FAILING),
    FAILED: (FAILED, RECOVERING, FAILED, FAILED, FAILED, FAILED, FAILED, FAILED, FAILED, FALLBACK, FAILED),
    RECOVERING: (HEALTHY, RECOVERING, DEGRADED, UNSTABLE, UNSTABLE, FAILING, FAILING, FAILED, FAILED, FALLBACK, RECOVERING),
    FALLBACK: (FALLBACK, FALLBACK, FAILING, FALLBACK, FAILING, FAILING, FAILING, FAILED, FAILED, FALLBACK, RECOVERING),
}
EVENTS = (STABLE, DATA, SILENT, LOST, FLAPPING, STORM, REFUSED, EXHAUSTED, GAVE_UP, FALLBACK_DATA, FALLBACK_OFF)


@pytest.mark.parametrize(
    ("before", "event", "after"),
    [(before, event, after) for before, row in MEANING.items() for event, after in zip(EVENTS, row, strict=True)],
)
def test_the_table_says_where_each_event_leads(before: LinkPhase, event: LinkEvent, after: LinkPhase) -> None:
    assert TABLE.get((before, event), before) is after


@pytest.mark.parametrize("before", LinkPhase)
def test_what_is_polled_is_as_good_as_what_another_endpoint_delivers(before: LinkPhase) -> None:
    assert TABLE.get((before, POLLED)) is TABLE.get((before, FALLBACK_DATA))


@pytest.mark.parametrize("event", [CONNECTED, PINGED, WAITS, FALLBACK_ON, POLLING_ON])
def test_what_proves_nothing_has_no_entry(event: LinkEvent) -> None:
    assert [key for key in TABLE if key[1] is event] == []


def test_only_what_delivered_over_a_fallback_can_starve() -> None:
    ends = {key: after for key, after in TABLE.items() if key[1] in (STARVED, POLLING_OFF)}
    assert ends == {(FALLBACK, STARVED): FAILING, (FALLBACK, POLLING_OFF): RECOVERING}


def test_no_entry_of_the_table_leads_where_it_began() -> None:
    assert [key for key, after in TABLE.items() if key[0] is after] == []


def test_a_new_link_has_to_prove_itself() -> None:
    assert LinkState().phase is RECOVERING


def test_a_change_says_what_made_it_and_when() -> None:
    assert link(HEALTHY).feed(LOST, 7.0) == LinkChange(HEALTHY, DEGRADED, LOST, 7.0)


def test_an_event_without_an_entry_changes_nothing() -> None:
    assert link(FAILED).feed(SILENT, 0.0) is None


@pytest.mark.parametrize("event", DERIVED)
def test_a_sharper_event_can_be_told_directly(event: LinkEvent) -> None:
    assert fed(link(HEALTHY), event) is TABLE.get((HEALTHY, event), HEALTHY)


# Counts


@pytest.mark.parametrize(
    ("losses", "phase"), [(1, DEGRADED), (2, DEGRADED), (3, UNSTABLE), (5, UNSTABLE), (6, FAILING), (10, FAILED)]
)
def test_losses_within_the_window_weigh_more_and_more(losses: int, phase: LinkPhase) -> None:
    assert fed(link(HEALTHY), *[LOST] * losses) is phase


def test_a_loss_exactly_as_old_as_the_window_does_not_count() -> None:
    machine = link(HEALTHY, flapping=2, within=300.0)
    machine.feed(LOST, 0.0)
    assert fed(machine, LOST, now=300.0) is DEGRADED


@pytest.mark.parametrize(("refusals", "phase"), [(1, FAILING), (4, FAILING), (5, FAILED)])
def test_refusals_in_a_row_fail_the_link(refusals: int, phase: LinkPhase) -> None:
    assert fed(link(HEALTHY), *[REFUSED] * refusals) is phase


def test_data_ends_the_row_of_refusals() -> None:
    assert fed(link(HEALTHY), *[REFUSED] * 4, DATA, *[REFUSED] * 4) is FAILING


def test_being_let_in_does_not_end_the_row_of_refusals() -> None:
    assert fed(link(HEALTHY), *[REFUSED] * 4, CONNECTED, REFUSED) is FAILED


def test_a_connection_that_was_pinged_and_then_lost_is_no_refusal() -> None:
    assert fed(link(HEALTHY), CONNECTED, PINGED, LOST) is DEGRADED


def test_a_ping_ends_the_row_of_refusals() -> None:
    assert fed(link(HEALTHY), *[REFUSED] * 4, CONNECTED, PINGED, REFUSED) is FAILING


@pytest.mark.parametrize("phase", LinkPhase)
def test_a_ping_proves_nothing_of_the_data(phase: LinkPhase) -> None:
    assert fed(link(phase), PINGED) is phase


def test_a_ping_is_no_unbroken_data() -> None:
    machine = link(RECOVERING)
    machine.feed(PINGED, 0.0)
    assert fed(machine, DATA, now=100.0) is RECOVERING


def test_a_connection_lost_before_any_data_is_a_refusal() -> None:
    assert fed(link(HEALTHY), CONNECTED, LOST) is FAILING


def test_an_endpoint_that_lets_us_in_and_stays_silent_fails() -> None:
    machine = link(HEALTHY)
    for attempt in range(5):
        fed(machine, CONNECTED, SILENT, LOST, now=1000.0 * attempt)
    assert machine.phase is FAILED


def test_a_connection_that_delivered_is_no_refusal_when_it_is_lost() -> None:
    assert fed(link(HEALTHY), CONNECTED, DATA, LOST) is DEGRADED


def test_losses_exhaust_a_link_even_without_data() -> None:
    assert fed(link(HEALTHY, flapping=1, storm=1, losses=2), *[CONNECTED, LOST] * 2) is FAILED


# Stability


def test_unbroken_data_makes_a_new_link_healthy() -> None:
    machine = LinkState()
    machine.feed(DATA, 0.0)
    before = fed(machine, DATA, now=14.9)
    assert (before, fed(machine, DATA, now=15.0)) == (RECOVERING, HEALTHY)


@pytest.mark.parametrize("trouble", [SILENT, LOST, REFUSED])
def test_a_trouble_between_begins_the_wait_anew(trouble: LinkEvent) -> None:
    machine = LinkState()
    machine.feed(DATA, 0.0)
    machine.feed(trouble, 10.0)
    machine.feed(DATA, 12.0)
    assert fed(machine, DATA, now=16.0) is not HEALTHY


def test_an_unstable_link_has_to_be_stable_twice() -> None:
    machine = link(UNSTABLE)
    phases = [fed(machine, DATA, now=now) for now in (0.0, 15.0, 29.9, 30.0)]
    assert phases == [UNSTABLE, RECOVERING, RECOVERING, HEALTHY]


def test_a_failing_link_that_delivers_recovers_at_once() -> None:
    machine = link(HEALTHY)
    fed(machine, REFUSED)
    assert fed(machine, DATA) is RECOVERING


# Fallbacks


def test_an_endpoint_that_keeps_refusing_wants_a_fallback() -> None:
    machine = link(HEALTHY)
    fed(machine, *[REFUSED] * 4)
    before = machine.wants_fallback
    fed(machine, REFUSED)
    assert (before, machine.wants_fallback) == (False, True)


def test_giving_up_wants_a_fallback() -> None:
    machine = link(HEALTHY)
    fed(machine, GAVE_UP)
    assert machine.wants_fallback


def test_a_fallback_in_force_is_no_longer_wanted() -> None:
    machine = link(HEALTHY)
    fed(machine, GAVE_UP, FALLBACK_ON)
    assert (machine.phase, machine.wants_fallback) == (FAILED, False)


def test_a_fallback_that_delivers_is_the_state() -> None:
    assert fed(link(HEALTHY), GAVE_UP, FALLBACK_ON, DATA) is FALLBACK


def test_a_fallback_that_refuses_too_wants_another() -> None:
    machine = link(HEALTHY)
    fed(machine, GAVE_UP, FALLBACK_ON, *[REFUSED] * 5)
    assert (machine.phase, machine.wants_fallback) == (FAILED, True)


def test_a_fallback_that_delivered_and_then_refuses_fails() -> None:
    assert fed(link(FALLBACK), *[REFUSED] * 5) is FAILED


def test_one_loss_of_a_fallback_is_taken() -> None:
    assert fed(link(FALLBACK), LOST) is FALLBACK


def test_a_lifted_fallback_recovers_and_then_is_healthy() -> None:
    machine = link(FALLBACK)
    phases = [fed(machine, event, now=now) for event, now in [(FALLBACK_OFF, 0.0), (DATA, 1.0), (DATA, 16.0)]]
    assert phases == [RECOVERING, RECOVERING, HEALTHY]


def test_an_endpoint_that_comes_back_by_itself_wants_no_fallback() -> None:
    machine = link(HEALTHY)
    fed(machine, GAVE_UP, DATA)
    assert (machine.phase, machine.wants_fallback) == (RECOVERING, False)


def test_another_endpoint_begins_without_a_record() -> None:
    machine = link(HEALTHY)
    fed(machine, *[REFUSED] * 4, FALLBACK_ON, FALLBACK_OFF)
    assert fed(machine, *[REFUSED] * 4) is FAILING


def test_another_endpoint_begins_without_losses() -> None:
    assert fed(link(FALLBACK), LOST, LOST, FALLBACK_OFF, STABLE, LOST, LOST) is DEGRADED


def test_a_connection_to_the_endpoint_before_is_no_refusal_of_the_next() -> None:
    assert fed(link(HEALTHY), CONNECTED, FALLBACK_ON, LOST) is DEGRADED


# Polling


def test_polling_that_delivers_is_the_state() -> None:
    machine = link(HEALTHY)
    before = fed(machine, GAVE_UP, POLLING_ON)
    assert (before, fed(machine, POLLED)) == (FAILED, FALLBACK)


def test_a_late_answer_of_a_polling_that_was_lifted_is_no_data() -> None:
    assert fed(link(HEALTHY), GAVE_UP, POLLED) is FAILED


def test_a_socket_that_is_tried_on_in_vain_does_not_move_a_link_that_polling_carries() -> None:
    machine = link(HEALTHY)
    fed(machine, LOST, POLLING_ON, POLLED)
    changes = [machine.feed(event, 0.0) for _ in range(5) for event in (REFUSED, SILENT, LOST, GAVE_UP, POLLED)]
    assert (machine.phase, changes) == (FALLBACK, [None] * 25)


def test_a_socket_that_delivers_beside_the_polling_recovers_when_the_polling_ends() -> None:
    machine = link(HEALTHY)
    phases = [
        fed(machine, event, now=now)
        for event, now in [(LOST, 0.0), (POLLING_ON, 1.0), (POLLED, 2.0), (DATA, 3.0), (POLLING_OFF, 13.0), (DATA, 18.0)]
    ]
    assert phases == [DEGRADED, DEGRADED, FALLBACK, FALLBACK, RECOVERING, HEALTHY]


def test_polling_that_ends_over_a_dead_socket_leaves_a_failing_link() -> None:
    assert fed(link(HEALTHY), LOST, POLLING_ON, POLLED, POLLING_OFF) is FAILING


def test_polling_that_delivers_no_longer_leaves_what_the_counts_say_of_the_socket() -> None:
    machine = link(HEALTHY)
    fed(machine, LOST, POLLING_ON, POLLED, *[REFUSED] * 5)
    before = (machine.phase, machine.wants_fallback)
    assert (before, fed(machine, STARVED)) == ((FALLBACK, True), FAILED)


def test_polling_that_delivers_again_carries_again() -> None:
    assert fed(link(HEALTHY), LOST, POLLING_ON, POLLED, STARVED, POLLED) is FALLBACK


@pytest.mark.parametrize("end", [STARVED, POLLING_OFF])
def test_the_end_of_a_polling_that_never_delivered_changes_nothing(end: LinkEvent) -> None:
    assert fed(link(FALLBACK), POLLING_ON, end) is FALLBACK


def test_when_polling_ends_over_another_endpoint_that_delivers_that_is_the_state() -> None:
    assert fed(link(FALLBACK), POLLING_ON, POLLED, DATA, POLLING_OFF) is FALLBACK


def test_data_of_the_socket_ends_the_want_of_another_endpoint_while_polling_carries() -> None:
    machine = link(HEALTHY)
    fed(machine, LOST, POLLING_ON, POLLED, *[REFUSED] * 5, DATA)
    assert not machine.wants_fallback


def test_the_bounds_themselves_are_allowed() -> None:
    assert LinkLimits(flapping=1, storm=1, losses=1, refusals=1)


COUNTS = [0, -1, 1.5, True, "5", None]
TIMES = [0, -1.0, math.nan, math.inf, True, "15", None]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        *[("flapping", value, "a count of 1 or more, for example flapping=3") for value in COUNTS],
        *[("storm", value, "a count, no less than flapping=3, for example storm=6") for value in [*COUNTS, 2]],
        *[("losses", value, "a count, no less than storm=6, for example losses=10") for value in [*COUNTS, 5]],
        *[("refusals", value, "a count of 1 or more, for example refusals=5") for value in COUNTS],
        *[("within", value, "seconds above 0, for example within=300.0") for value in TIMES],
        *[("stable_after", value, "seconds above 0, for example stable_after=15.0") for value in TIMES],
    ],
)
def test_wrong_limits_are_refused(name: str, value: Any, expected: str) -> None:
    with pytest.raises(SpecError) as caught:
        LinkLimits(**{name: value})
    assert (caught.value.field, caught.value.value) == (f"LinkLimits.{name}", value)
    assert str(caught.value) == f"LinkLimits.{name} is {value!r}; expected {expected}"


HISTORIES = st.lists(st.tuples(st.sampled_from(TOLD), st.sampled_from([0.0, 1.0, 15.0, 400.0])), max_size=60)


def lived(history: list[tuple[LinkEvent, float]]) -> tuple[LinkState, float]:
    machine, now = LinkState(), 0.0
    for event, pause in history:
        now += pause
        change = machine.feed(event, now)
        if change is not None:
            assert TABLE[change.before, change.event] is change.after is machine.phase
    return machine, now


@given(HISTORIES)
def test_after_any_history_refusals_end_in_wanting_a_fallback(history: list[tuple[LinkEvent, float]]) -> None:
    machine, now = lived(history)
    fed(machine, POLLING_OFF, *[REFUSED] * 5, now=now)
    assert (machine.phase, machine.wants_fallback) == (FAILED, True)


@given(HISTORIES)
def test_after_any_history_a_fallback_that_delivers_is_the_state(history: list[tuple[LinkEvent, float]]) -> None:
    machine, now = lived(history)
    assert fed(machine, FALLBACK_ON, DATA, now=now) is FALLBACK


@given(HISTORIES)
def test_after_any_history_stable_data_makes_it_healthy(history: list[tuple[LinkEvent, float]]) -> None:
    machine, now = lived(history)
    fed(machine, FALLBACK_OFF, POLLING_OFF, now=now)
    for step in range(4):
        fed(machine, DATA, now=now + 15.0 * step)
    assert machine.phase is HEALTHY


@given(HISTORIES)
def test_a_fallback_is_wanted_only_by_a_failed_link(history: list[tuple[LinkEvent, float]]) -> None:
    machine, _ = lived(history)
    assert machine.phase is FAILED or machine.carried or not machine.wants_fallback


@given(HISTORIES)
def test_the_state_is_fallback_only_while_one_is_in_force(history: list[tuple[LinkEvent, float]]) -> None:
    machine, _ = lived(history)
    assert machine.on_fallback or machine.carried or machine.phase is not FALLBACK


@given(HISTORIES)
def test_what_polling_carries_is_in_fallback(history: list[tuple[LinkEvent, float]]) -> None:
    machine, now = lived(history)
    assert fed(machine, POLLING_ON, POLLED, REFUSED, LOST, now=now) is FALLBACK
    assert machine.polling
