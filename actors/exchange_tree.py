"""The tree of one exchange, as a spec."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from attrs import field, frozen

from actors.connection_manager import ConnectionManager
from actors.feeds import feed_of
from actors.health_monitor import HealthMonitor
from actors.link_state import LinkLimits
from actors.market import Feed, Subscription
from actors.ports import Exchange, Transport
from actors.protocol import CONNECTIONS, HEALTH, RECOVERY, STATES, STREAMS
from actors.recovery_manager import RecoveryManager
from actors.recovery_worker import OpenRest
from actors.resilience import BreakerConfig
from actors.state_manager import StateManager
from actors.stream import StreamOptions
from actors.stream_manager import StreamManager
from actors.transport import HttpRest, WebSocketTransport
from supervisor import (
    ActorSpec,
    Backoff,
    ChildSpec,
    DynamicSupervisorSpec,
    Exhausted,
    Intensity,
    Scope,
    SpecError,
    Strategy,
    SupervisorSpec,
    Topic,
)

__all__ = ["TreeOptions", "exchange_tree", "subscription_to"]

OWN_BUDGET = Intensity(5, 60.0, scope=Scope.CHILD, exhausted=Exhausted.GIVE_UP)
"""Streams and workers: one that is broken is parked and alarmed, its siblings stream on."""


@frozen(kw_only=True)
class TreeOptions:
    """What can be tuned in an exchange's tree."""

    breaker: BreakerConfig = field(factory=BreakerConfig)
    links: LinkLimits = field(factory=LinkLimits)
    stream: StreamOptions = field(factory=StreamOptions)
    health_ttl: float = 10.0
    """Seconds that a report of vitals counts."""
    intensity: Intensity = Intensity(5, 10.0)
    """Of the exchange's supervisor and its groups."""


def exchange_tree(
    exchange: Exchange,
    feeds: Iterable[Topic[Any]] = (),
    *,
    transport: Transport | None = None,
    open_rest: OpenRest | None = None,
    options: TreeOptions | None = None,
) -> SupervisorSpec:
    """The supervisor of one exchange: managers, streams, recovery.

    Args:
        exchange: its adapter, `Binance.production()`.
        feeds: the topics to subscribe to from the start, `[trades("binance:BTC/USDT"), ...]`.
        transport: opens stream connections; None: WebSockets.
        open_rest: makes REST clients; None: httpx.
        options: what can be tuned.

    Raises:
        SpecError: a feed of another venue, or not a feed.
        UnknownInstrument: an instrument that cannot be one here.
    """
    options = options or TreeOptions()
    transport = transport or WebSocketTransport()
    rest = open_rest or HttpRest
    wanted = tuple(subscription_to(exchange, topic) for topic in feeds)
    connections = partial(ConnectionManager, exchange, transport, options.breaker)
    backoff = Backoff(initial=0.1, maximum=5.0)
    managers: list[ChildSpec] = [
        ActorSpec("connection manager", connections, name=CONNECTIONS, backoff=backoff),
        ActorSpec("health monitor", partial(HealthMonitor, exchange.venue, options.health_ttl), name=HEALTH, backoff=backoff),
        ActorSpec("state manager", partial(StateManager, exchange, options.links), name=STATES, backoff=backoff),
    ]
    stream_manager = partial(StreamManager, exchange, transport, rest, wanted, options.stream)
    groups: list[ChildSpec] = [
        SupervisorSpec(
            "streams",
            [
                DynamicSupervisorSpec("streams", intensity=OWN_BUDGET),
                ActorSpec("stream manager", stream_manager, name=STREAMS, backoff=backoff),
            ],
            strategy=Strategy.REST_FOR_ONE,
            intensity=options.intensity,
        ),
        SupervisorSpec(
            "recovery",
            [
                DynamicSupervisorSpec("workers", intensity=OWN_BUDGET),
                ActorSpec("recovery manager", partial(RecoveryManager, exchange, rest), name=RECOVERY, backoff=backoff),
            ],
            strategy=Strategy.REST_FOR_ONE,
            intensity=options.intensity,
        ),
    ]
    return SupervisorSpec(exchange.venue, [*managers, *groups], intensity=options.intensity, scoped=True)


def subscription_to(exchange: Exchange, topic: Topic[Any]) -> Subscription:
    """The subscription behind a feed's topic.

    Raises:
        SpecError: the topic is of another venue, or not a feed.
        UnknownInstrument: an instrument that cannot be one here.
    """
    try:
        feed, venue, canonical = feed_of(topic)
    except ValueError:
        raise SpecError("feed", topic.key, 'a feed, such as trades("binance:BTC/USDT")') from None
    if venue != exchange.venue:
        raise SpecError("feed", topic.key, f"a feed of {exchange.venue}, such as trades('{exchange.venue}:BTC/USDT')")
    return Subscription(exchange.instrument(canonical), Feed(feed))
