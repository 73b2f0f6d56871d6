"""The attempts of a recovery: how long they take, whether another is safe, and what is recorded of them."""

from __future__ import annotations

import anyio
import pytest

from actors.errors import CallTimeout, RateLimited
from actors.resilience import AttemptOutcome, Incident, Recovery, RecoveryAction
from supervisor import Backoff
from tests.resilience.recovering.calls import ALERT, RETRY, Calls, lost, nothing, outcomes, restart

pytestmark = pytest.mark.anyio


# Time


async def test_an_attempt_that_takes_too_long_is_cut_off() -> None:
    started = anyio.current_time()
    result = await Recovery(actions=[restart(Calls(100.0), within=5.0), restart(nothing, name="next")]).recover(lost())
    assert outcomes(result.attempts) == [("restart", "timed_out"), ("next", "succeeded")]
    assert anyio.current_time() - started == pytest.approx(5.0)


async def test_what_times_out_by_itself_has_failed() -> None:
    async def times_out(_: Incident) -> None:
        with anyio.fail_after(1.0):
            await anyio.sleep_forever()

    result = await Recovery(actions=[restart(times_out, within=5.0)]).recover(lost())
    assert outcomes(result.attempts) == [("restart", "failed")]


async def test_attempts_and_waits_are_recorded_with_their_times() -> None:
    schedule = Backoff(initial=4.0, jitter=0.0)
    recovery = Recovery(actions=[restart(Calls(2.0, failures=1), delay=1.0, attempts=2, backoff=schedule)])
    begun = anyio.current_time()
    result = await recovery.recover(lost())
    assert [(one.started - begun, one.duration, one.number) for one in result.attempts] == [
        (pytest.approx(1.0), pytest.approx(2.0), 1),
        (pytest.approx(7.0), pytest.approx(2.0), 2),
    ]


async def test_the_whole_recovery_ends_in_time_but_alerts_are_run() -> None:
    alert = Calls()
    recovery = Recovery(actions=[restart(Calls(100.0), attempts=9, within=50.0), RecoveryAction(ALERT, alert)], within=70.0)
    begun = anyio.current_time()
    result = await recovery.recover(lost())
    assert [one.outcome.value for one in result.attempts] == ["timed_out", "timed_out", "skipped", "succeeded"]
    assert (anyio.current_time() - begun, alert.made) == (pytest.approx(70.0, abs=1e-3), 1)


async def test_a_retry_waits_for_the_time_that_the_exchange_named() -> None:
    recovery = Recovery(actions=[RecoveryAction(RETRY)])
    begun = anyio.current_time()
    assert (await recovery.recover(RateLimited("slow down", retry_after=17.0))).recovered
    assert anyio.current_time() - begun == pytest.approx(17.0)


async def test_a_retry_that_would_wait_for_hours_is_skipped() -> None:
    recovery = Recovery(actions=[RecoveryAction(RETRY)])
    result = await recovery.recover(RateLimited("banned", retry_after=7200.0))
    assert result.attempts[0].error == "it would have to wait 7200.000 s; at most 60 s are waited"


# Unknown outcomes


async def test_a_retry_that_was_cut_off_is_not_sent_again() -> None:
    send = Calls(100.0)
    recovery = Recovery(actions=[RecoveryAction(RETRY, send, attempts=3, within=1.0)])
    result = await recovery.recover(lost())
    assert (send.made, result.outcome_unknown) == (1, True)
    assert outcomes(result.attempts) == [("retry", "timed_out"), ("retry", "skipped")]


async def test_an_error_of_unknown_outcome_is_not_retried_unless_idempotent() -> None:
    send, ask = Calls(), Calls()
    actions = [RecoveryAction(RETRY, send, name="send"), RecoveryAction(RETRY, ask, name="ask", idempotent=True)]
    result = await Recovery(actions=actions).recover(CallTimeout("place", 1.0))
    assert (send.made, ask.made, result.action) == (0, 1, "ask")


# Cut off from outside


async def test_cancellation_passes_through_and_is_recorded_as_no_verdict() -> None:
    recovery = Recovery(actions=[restart(Calls(100.0), within=50.0)])
    with anyio.move_on_after(1.0) as scope:
        await recovery.recover(lost())
    assert scope.cancelled_caught
    assert outcomes(recovery.attempts_made()) == [("restart", "cancelled")]
    statistics = recovery.statistics()
    assert (statistics.running, statistics.abandoned, statistics.failed) == (0, 1, 0)


async def test_a_foreign_timeout_is_not_taken_for_the_attempt_s_own() -> None:
    recovery = Recovery(actions=[restart(Calls(100.0), within=1.0)])
    with anyio.move_on_after(1.0) as scope:  # due in the same instant, and outside
        await recovery.recover(lost())
    assert scope.cancelled_caught or recovery.attempts_made()[0].outcome is AttemptOutcome.TIMED_OUT
    assert recovery.statistics().running == 0


async def test_what_is_no_exception_leaves_an_action_untouched() -> None:
    interrupt = KeyboardInterrupt()

    def interrupts(_: Incident) -> None:
        raise interrupt

    recovery = Recovery(actions=[restart(interrupts, attempts=3), restart(nothing)])
    with pytest.raises(KeyboardInterrupt) as caught:
        await recovery.recover(lost())
    assert caught.value is interrupt
    assert recovery.statistics().running == 0


# What is recorded


async def test_no_secret_is_in_a_record() -> None:
    def leaks(_: Incident) -> None:
        raise OSError("GET https://user:hunter2@host/?signature=abcdef1234 failed, api_key=topsecret")

    recovery = Recovery(actions=[restart(leaks)], key=lambda _: "orders token=abc123")
    result = await recovery.recover(lost())
    shown = str([record.to_dict() for record in result.attempts]) + repr(result)
    assert not [secret for secret in ("hunter2", "abcdef1234", "topsecret", "abc123") if secret in shown]


async def test_the_text_of_a_long_error_is_shortened() -> None:
    def talks(_: Incident) -> None:
        raise OSError("x" * 100_000)

    result = await Recovery(actions=[restart(talks)]).recover(lost())
    assert len(result.attempts[0].error or "") < 250


async def test_the_history_is_bounded_and_what_it_forgot_is_counted() -> None:
    recovery = Recovery(actions=[restart(nothing)], history=3, limit=100)
    for _ in range(5):
        await recovery.recover(lost())
    assert (len(recovery.attempts_made()), recovery.statistics().history_dropped) == (3, 2)
