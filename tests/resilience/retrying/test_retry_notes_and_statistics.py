"""Notes, events and statistics: what is told of the attempts that were made."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
import structlog

from actors.errors import ConnectFailed, ConnectionLost, OrderRejected, RateLimited, UnknownOutcome
from actors.resilience import RetryEvent, StopReason
from tests.resilience.retrying.calls import AT_ONCE, Script, lost, notes, retry, why

pytestmark = pytest.mark.anyio


# Notes


async def test_the_notes_tell_each_attempt_and_why_there_is_no_other() -> None:
    async def slow() -> None:
        await anyio.sleep(0.5)
        raise lost()

    with pytest.raises(ConnectFailed) as caught:
        await retry(within=60.0, name="fetch").acall(slow)
    assert notes(caught.value) == [
        "[fetch] attempt 1 of 3 after 0.5 s: ConnectFailed: cannot connect to rest: refused; waited 1 s",
        "[fetch] attempt 2 of 3 after 2 s: ConnectFailed: cannot connect to rest: refused; waited 1 s",
        "[fetch] attempt 3 of 3 after 3.5 s: ConnectFailed: cannot connect to rest: refused",
        "[fetch] not tried again: all 3 attempts are used up",
    ]


def test_the_notes_tell_of_no_time_that_is_none() -> None:
    moments = iter([0.0, 1e-6, 2e-6, 3e-6, 4e-6, 5e-6, 6e-6])
    with pytest.raises(ConnectFailed) as caught:
        retry(attempts=2, delays=AT_ONCE, within=9.0, clock=lambda: next(moments)).call(Script(lost()))
    assert notes(caught.value)[:2] == [
        "[retry] attempt 1 of 2: ConnectFailed: cannot connect to rest: refused",
        "[retry] attempt 2 of 2: ConnectFailed: cannot connect to rest: refused",
    ]


async def test_without_a_deadline_time_is_counted_from_the_first_failure() -> None:
    # A success would have to read the clock otherwise.
    with pytest.raises(ConnectFailed) as caught:
        await retry().acall(Script(lost()).later)
    assert [note.split(": ")[0] for note in notes(caught.value)[:3]] == [
        "[retry] attempt 1 of 3",
        "[retry] attempt 2 of 3 after 1 s",
        "[retry] attempt 3 of 3 after 2 s",
    ]


@pytest.mark.parametrize(
    ("options", "error", "reason"),
    [
        ({}, OrderRejected("no"), "not retryable: order"),
        ({}, ValueError("no"), "not retryable: "),
        ({"on": ConnectionLost}, lost(), "not retryable: network, and not what `on` names"),
        (
            {},
            UnknownOutcome("?"),
            "outcome unknown, and the call is not declared idempotent: pass idempotent=True, or reconcile first",
        ),
        ({"attempts": 1}, lost(), "there is one attempt"),
        ({"within": 0.5}, lost(), "the next attempt would begin after the deadline of 0.5 s"),
        ({}, RateLimited("slow down", 301.0), "the other side asks to wait 301 s, more than hint_ceiling=300.0"),
    ],
    ids=["rejected", "bug", "not named", "unknown", "one", "deadline", "hint"],
)
async def test_an_error_that_is_not_tried_again_says_why(options: dict[str, Any], error: Exception, reason: str) -> None:
    script = Script(error)
    with pytest.raises(type(error)) as caught:
        await retry(**options).acall(script.later)
    assert script.calls == 1
    assert len(notes(caught.value)) == 1
    assert why(caught.value).startswith(reason)


async def test_notes_on_one_error_that_is_raised_for_ever_do_not_pile_up() -> None:
    error = lost()
    error.add_note("a note of somebody else")
    one = retry(delays=AT_ONCE)
    for _ in range(5):
        with pytest.raises(ConnectFailed):
            await one.acall(Script(error).later)
    assert len(notes(error)) == 5
    assert notes(error)[0] == "a note of somebody else"


async def test_the_notes_of_two_policies_around_each_other_stand_side_by_side() -> None:
    error = lost()
    inner, outer = retry(attempts=2, name="inner", delays=AT_ONCE), retry(attempts=2, name="outer", delays=AT_ONCE)
    with pytest.raises(ConnectFailed):
        await outer.acall(inner(Script(error).later))
    assert [note.split()[0] for note in notes(error)] == ["[inner]"] * 3 + ["[outer]"] * 3


async def test_notes_are_bounded_in_number_and_length() -> None:
    with pytest.raises(ConnectFailed) as caught:
        await retry(attempts=30, delays=AT_ONCE).acall(Script(lost("x" * 5000)).later)
    found = notes(caught.value)
    assert len(found) == 12
    assert found[0] == "[retry] 20 attempts before these are not shown"
    assert max(map(len, found)) < 300


async def test_no_secret_of_an_error_reaches_its_notes() -> None:
    with pytest.raises(ConnectionRefusedError) as caught:
        await retry(on=OSError).acall(Script(ConnectionRefusedError("https://me:pass@host/?signature=abcdef")).later)
    assert notes(caught.value)
    assert not any("pass" in note or "abcdef" in note for note in notes(caught.value)[:-1])


def test_an_error_that_takes_no_notes_is_raised_all_the_same() -> None:
    class Stubborn(Exception):
        def __setattr__(self, name: str, value: object) -> None:
            raise AttributeError(name)

    with pytest.raises(Stubborn):
        retry(on=Stubborn, delays=AT_ONCE).call(Script(Stubborn()))


def test_an_error_that_cannot_show_itself_is_raised_all_the_same() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError("no words")

    with pytest.raises(Mute):
        retry(on=Mute, delays=AT_ONCE).call(Script(Mute()))


# Telling


async def test_each_further_attempt_is_told_before_its_wait() -> None:
    events: list[RetryEvent] = []
    error = lost()
    await retry(on_retry=events.append, name="fetch", within=99.0).acall(Script(error, RateLimited("wait", 0.0), "done").later)
    assert [(one.name, one.attempt, one.reason) for one in events] == [
        ("fetch", 1, "network"),
        ("fetch", 2, "rate_limit, which asks to wait 0 s"),
    ]
    assert events[0].error is error
    assert [one.elapsed for one in events] == [pytest.approx(0.0), pytest.approx(1.0)]


async def test_a_result_that_is_tried_again_is_told_without_an_error() -> None:
    events: list[RetryEvent] = []
    await retry(on_retry=events.append, on_result=lambda found: found == 1).acall(Script(1, 2).later)
    assert [(one.error, one.classification, one.reason) for one in events] == [(None, None, "its result was not wanted")]


async def test_a_hook_that_fails_is_logged_and_counted_and_changes_nothing() -> None:
    def fail(_: RetryEvent) -> None:
        raise ValueError("token=abcdef")

    one = retry(on_retry=fail)
    with structlog.testing.capture_logs() as logs:
        assert await one.acall(Script(lost(), "done").later) == "done"
    assert [(log["policy"], log["error"], log["text"]) for log in logs] == [("retry", "ValueError", "token=***")]
    assert one.statistics().hook_failures == 1


async def test_the_statistics_tell_how_calls_ended() -> None:
    one = retry(attempts=2)
    await one.acall(Script("done").later)
    await one.acall(Script(lost(), "done").later)
    for error in (lost(), OrderRejected("no")):
        with pytest.raises(type(error)):
            await one.acall(Script(error).later)
    found = one.statistics()
    assert (found.calls, found.attempts, found.retries, found.first_try, found.after_retries) == (4, 6, 2, 1, 1)
    assert found.exhausted == {StopReason.ATTEMPTS: 1, StopReason.NOT_RETRYABLE: 1}
    assert found.slept == pytest.approx(2.0)
