"""The gate that every REST request of the actors passes: leave from the ConnectionManager before it, a report after it.

The only place that knows what an answer's status means for others than the caller: `refusals` judges it, and the
ConnectionManager is told. So a ban that one actor runs into is known to all before it has read its own answer.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio

from actors.errors import ConnectFailed
from actors.ports import Exchange, Rest, RestRequest, RestResponse
from actors.protocol import CONNECTIONS, Denied, Lease, LeaseEnded, LeaseOutcome, RequestWeight
from actors.transport.refusals import Scope, Verdict, judge_answer
from supervisor import Actor

__all__ = ["OpenRest", "fetch"]

OpenRest = Callable[[], AbstractAsyncContextManager[Rest]]
"""Makes a REST client for as long as it is needed."""

LEAST_WAIT = 0.05
"""Seconds between two requests for leave, whatever the answer says."""
ASK_AGAIN = 30.0
"""Seconds after which leave is asked for again, however long it was denied for: an operator may have changed that."""
_WELL = Verdict(Scope.REQUEST)


async def fetch(actor: Actor[Any], exchange: Exchange, request: RestRequest, rest: Rest) -> RestResponse:
    """One REST request within the exchange's limits: waits for leave, makes it, and reports how it went.

    An answer that is an error is returned like any other; the caller's `parse_...` raises it.

    Args:
        actor: for whom; with its death the leave is given back.
        exchange: knows which answers are errors.
        request: what to ask.
        rest: asks.

    Raises:
        ConnectFailed: there was no answer.
        AskTimeout, ActorCrashed, NoSuchActor, MailboxFull: the ConnectionManager did not answer.

    Cancellation: may have happened. The leave is given back.
    """
    connections, now = actor.lookup(CONNECTIONS), actor.context.runtime.now
    lease = await _leave(actor, request.weight)
    began = now()
    try:
        response = await rest.get(lease.endpoint.url, request)
        refused = exchange.refusal(response)
        used = exchange.used_weight(response)
    except ConnectFailed as error:
        connections.tell(LeaseOutcome(lease.id, error=error.reason, seconds=now() - began))
        raise
    except BaseException:
        connections.tell(LeaseOutcome(lease.id, error="given up", blameless=True))
        raise
    verdict = _WELL if refused is None else judge_answer(refused, actor.context.wall_clock(now()))
    until = None if verdict.wait is None else now() + verdict.wait
    connections.tell(
        LeaseOutcome(
            lease.id,
            error=None if verdict.scope is Scope.REQUEST else f"HTTP {response.status}: {refused}",
            open_until=until,
            banned=verdict.scope is Scope.ADDRESS,
            paced=verdict.scope is Scope.ROLE,
            seconds=now() - began,
            used_weight=used,
        )
    )
    connections.tell(LeaseEnded(lease.id))
    return response


async def _leave(actor: Actor[Any], weight: int) -> Lease:
    """Ask until there is leave. Cancellation: may have happened; leave that nobody uses is given back by the holder's end."""
    connections, now = actor.lookup(CONNECTIONS), actor.context.runtime.now
    while True:
        answer = await connections.ask(RequestWeight(weight, actor.context.ref))
        if not isinstance(answer, Denied):
            return answer
        await anyio.sleep(min(max(answer.until - now(), LEAST_WAIT), ASK_AGAIN))
