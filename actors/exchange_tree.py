"""The tree of one exchange, as a spec."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from attrs import Attribute, field, frozen

from actors.connection_manager import ConnectionManager
from actors.errors.checks import count, kind_of, refuse
from actors.fallbacks.options import FallbackOptions
from actors.fleet.subscribing import example_of, subscription_to
from actors.health_monitor import HealthMonitor
from actors.incidents import BookLimits
from actors.link_state import LinkLimits
from actors.ports import Exchange, Transport
from actors.protocol import CONNECTIONS, HEALTH, RECOVERY, STATES, STREAMS
from actors.recovery_manager import RecoveryManager
from actors.resilience import BreakerConfig
from actors.rest_gate import OpenRest
from actors.state_manager import StateManager
from actors.stream_manager import StreamManager
from actors.stream_options import StreamOptions
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
from supervisor.backoff import is_number

__all__ = ["TreeOptions", "exchange_tree"]

BREAKER = BreakerConfig(open_maximum=30.0, successes=1)
"""No longer than the longest step of the reconnection schedule: once the exchange is back, all streams are within one step."""
OWN_BUDGET = Intensity(5, 60.0, scope=Scope.CHILD, exhausted=Exhausted.GIVE_UP)
"""Streams and workers: one that is broken is parked and alarmed, its siblings stream on."""


def _check_health_ttl(options: TreeOptions, attribute: Attribute[Any], value: Any) -> None:
    beat = options.stream.beat
    if not is_number(value) or value <= beat:
        # A report that does not count until the next one comes would make every stream UNKNOWN in between.
        refuse(options, attribute, value, f"seconds above stream.beat={beat!r}, for example health_ttl={10 * beat!r}")


@frozen(kw_only=True)
class TreeOptions:
    """What can be tuned in an exchange's tree.

    Raises:
        SpecError: a field is out of its range; says what was given, what was expected and what to type.
    """

    breaker: BreakerConfig = field(default=BREAKER, validator=kind_of(BreakerConfig, "a BreakerConfig"))
    links: LinkLimits = field(factory=LinkLimits, validator=kind_of(LinkLimits, "a LinkLimits"))
    stream: StreamOptions = field(factory=StreamOptions, validator=kind_of(StreamOptions, "a StreamOptions"))
    fallbacks: FallbackOptions = field(factory=FallbackOptions, validator=kind_of(FallbackOptions, "a FallbackOptions"))
    instruments_per_stream: int = field(default=1, validator=count(1))
    """1: a fault hits one instrument alone. More: fewer connections."""
    health_ttl: float = field(default=10.0, validator=_check_health_ttl)
    """Seconds that a report of vitals counts; more than the streams' `beat`."""
    incidents: BookLimits = field(factory=BookLimits, validator=kind_of(BookLimits, "a BookLimits"))
    """How many incidents are recovered from at once, and how patient that is."""
    intensity: Intensity = field(default=Intensity(5, 10.0), validator=kind_of(Intensity, "an Intensity"))
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
        feeds: the topics to subscribe to from the start, `[trades("binance:BTC/USDT"), ...]`. Who subscribes to a topic that is
            neither here nor in a `Want` hears nothing: nobody knows of it.
        transport: opens stream connections; None: WebSockets.
        open_rest: makes REST clients; None: httpx.
        options: what can be tuned.

    Raises:
        SpecError: an argument of the wrong kind, or a feed of another venue.
        UnknownInstrument: an instrument that cannot be one here.
    """
    options = TreeOptions() if options is None else options
    transport = WebSocketTransport() if transport is None else transport
    rest = HttpRest if open_rest is None else open_rest
    _check(exchange, feeds, transport, rest, options)
    wanted = tuple(subscription_to(exchange, topic) for topic in feeds)
    connections = partial(ConnectionManager, exchange, transport, options.breaker)
    health = partial(HealthMonitor, exchange.venue, options.health_ttl, exchange=exchange, open_rest=rest)
    states = partial(StateManager, exchange, options.links, options.fallbacks)
    backoff = Backoff(initial=0.1, maximum=5.0)
    managers: list[ChildSpec] = [
        ActorSpec("connection manager", connections, name=CONNECTIONS, backoff=backoff),
        ActorSpec("health monitor", health, name=HEALTH, backoff=backoff),
        ActorSpec("state manager", states, name=STATES, backoff=backoff),
    ]
    stream_manager = partial(
        StreamManager, exchange, transport, rest, wanted, options.stream, instruments_per_stream=options.instruments_per_stream
    )
    recovery = partial(RecoveryManager, exchange, rest, limits=options.incidents)
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
                ActorSpec("recovery manager", recovery, name=RECOVERY, backoff=backoff),
            ],
            strategy=Strategy.REST_FOR_ONE,
            intensity=options.intensity,
        ),
    ]
    return SupervisorSpec(exchange.venue, [*managers, *groups], intensity=options.intensity, scoped=True)


def _check(exchange: object, feeds: object, transport: object, open_rest: object, options: object) -> None:
    """Refuse what is none; a class is not yet one."""
    if isinstance(exchange, type) or not isinstance(exchange, Exchange):
        raise SpecError("exchange_tree.exchange", exchange, "an adapter, such as Binance.production()")
    if isinstance(feeds, str | Topic) or not isinstance(feeds, Iterable):
        raise SpecError("exchange_tree.feeds", feeds, f"a list of feeds, such as [{example_of(exchange)}]")
    if isinstance(transport, type) or not isinstance(transport, Transport):
        raise SpecError("exchange_tree.transport", transport, "a Transport, such as WebSocketTransport(), or None")
    if not callable(open_rest):
        raise SpecError("exchange_tree.open_rest", open_rest, "what makes a REST client, such as HttpRest, or None")
    if not isinstance(options, TreeOptions):
        raise SpecError("exchange_tree.options", options, "a TreeOptions, such as TreeOptions(health_ttl=10.0), or None")
