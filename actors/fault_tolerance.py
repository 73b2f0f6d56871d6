"""FaultTolerance: all that keeps a bot alive behind one object, for the code of the bot, an operator or a dashboard.

    async with open_supervisor(bot_tree(exchange_tree(Binance.production()))) as root:
        tolerance = FaultTolerance(root)
        async with tolerance.subscribe(trades("binance:BTC/USDT")) as events: ...
        if (await tolerance.system_health()).level is HealthLevel.CRITICAL: ...

It decides nothing and keeps nothing: every method asks the actors whose business it is. An exchange whose actors do not answer
within `timeout` is told of as such and hides no other.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import anyio
from attrs import field, frozen

from actors.alert_rules import Alert
from actors.analysis.patterns import Diagnosis
from actors.errors import UnknownInstrument
from actors.feeds import feed_of, policy_of
from actors.incidents import IncidentKind
from actors.market import Rejected
from actors.protocol import (
    CONNECTIONS,
    HEALTH,
    RECOVERY,
    STATES,
    STREAMS,
    ActiveAlerts,
    Diagnose,
    EndpointStates,
    FallbackKind,
    FallbackMoved,
    FallbacksInForce,
    ForceFallback,
    HealthDetail,
    HealthReport,
    Incidents,
    IsolateEndpoint,
    LinkStates,
    ReleaseEndpoint,
    ResetBreakers,
    Subscriptions,
    SubscriptionTo,
    TriggerRecovery,
    Unwant,
    Want,
)
from actors.vitals import HealthLevel, worst
from supervisor import (
    ActorCrashed,
    AskTimeout,
    Conflate,
    MailboxFull,
    Name,
    NoSuchActor,
    Overflow,
    Request,
    Subscription,
    Supervisor,
    Topic,
)
from supervisor.checks import check_kind

__all__ = ["FaultTolerance", "HealthCheck", "NoSuchVenue", "SystemHealth", "VenueHealth"]

R = TypeVar("R")
M = TypeVar("M")

UNANSWERED = (AskTimeout, ActorCrashed, MailboxFull, NoSuchActor)
ACTORS: Mapping[str, tuple[Name[Any], Request[Any]]] = {
    "connection manager": (CONNECTIONS, EndpointStates()),
    "health monitor": (HEALTH, HealthReport()),
    "state manager": (STATES, LinkStates()),
    "stream manager": (STREAMS, Subscriptions()),
    "recovery manager": (RECOVERY, Incidents()),
}
"""{child: (its name, the lightest question)}"""


class NoSuchVenue(LookupError):
    """There is no exchange of this name in the tree.

    Args:
        venue: what was asked for; empty where one had to be named, because there are several.
        known: what there is.
    """

    def __init__(self, venue: str, known: tuple[str, ...]) -> None:
        there_is = ", ".join(repr(one) for one in known) or "no exchange"
        wanted = f"there is no exchange {venue!r}" if venue else "several exchanges run, so one has to be named"
        super().__init__(f"{wanted}; in the tree: {there_is}. Give venue=... one of these")
        self.venue = venue
        self.known = known


@frozen
class VenueHealth:
    """How one exchange is doing."""

    level: HealthLevel
    components: Mapping[str, HealthLevel]
    diagnosis: Diagnosis | None
    fallbacks: tuple[FallbackMoved, ...]
    """Those in force."""
    unanswered: str = ""
    """Why nothing is known: its actors did not answer."""


@frozen
class SystemHealth:
    """How the bot is doing."""

    level: HealthLevel
    """The worst of its exchanges."""
    venues: Mapping[str, VenueHealth]


@frozen
class HealthCheck:
    """What came of asking everybody."""

    ok: bool
    answers: Mapping[str, float | str]
    """{`venue/actor`: seconds to its answer, or why there was none}"""


@frozen
class FaultTolerance:
    """The face of a running bot.

    Args:
        root: the running tree, `open_supervisor(bot_tree(...))`, or the supervisor of one exchange in it.
        timeout: seconds that an actor has for an answer.
    """

    root: Supervisor
    timeout: float = field(default=5.0, kw_only=True)

    def __attrs_post_init__(self) -> None:
        check_kind(self.root, Supervisor, "FaultTolerance(root)", "a running tree, such as open_supervisor(...) gives")

    @property
    def venues(self) -> tuple[str, ...]:
        """The exchanges that run."""
        return tuple(self._venues())

    # ---- how things are

    async def system_health(self) -> SystemHealth:
        """The level of everything, what is wrong, and which fallbacks are in force. Cancellation: atomic."""
        venues = {name: await self._health(one) for name, one in self._venues().items()}
        return SystemHealth(worst(one.level for one in venues.values()), venues)

    async def metrics(self) -> dict[str, Any]:
        """All that is counted and measured, per exchange, in plain types. Cancellation: atomic.

        `{venue: {"health": ..., "endpoints": ..., "links": ..., "incidents": ..., "subscriptions": n}}`; an actor that did not
        answer has an entry `{"unanswered": why}`.
        """
        asked: dict[str, tuple[Name[Any], Request[Any], Callable[[Any], Any]]] = {
            "health": (HEALTH, HealthDetail(), lambda detail: detail),
            "endpoints": (CONNECTIONS, EndpointStates(), lambda states: states),
            "links": (STATES, LinkStates(), lambda links: {name: phase.value for name, phase in links.items()}),
            "incidents": (RECOVERY, Incidents(), _incidents_as_data),
            "subscriptions": (STREAMS, Subscriptions(), len),
        }
        found: dict[str, Any] = {}
        for name, venue in self._venues().items():
            part = found[name] = {}
            for key, (actor, request, plain) in asked.items():
                try:
                    part[key] = plain(await self._ask(venue, actor, request))
                except UNANSWERED as error:
                    part[key] = {"unanswered": str(error)}
        return found

    async def active_alerts(self) -> tuple[Alert, ...]:
        """The alerts that have not ended, gravest first; those of an exchange that does not answer are missing.

        Cancellation: atomic.
        """
        found: list[Alert] = []
        for venue in self._venues().values():
            try:
                alerts: tuple[Alert, ...] = await self._ask(venue, HEALTH, ActiveAlerts())
                found += alerts
            except UNANSWERED:
                continue
        return tuple(sorted(found, key=lambda alert: (-alert.severity, alert.since)))

    async def health_check(self) -> HealthCheck:
        """Ask every manager of every exchange now, instead of believing what was reported. Cancellation: atomic."""
        answers: dict[str, float | str] = {}
        for name, venue in self._venues().items():
            for child, (actor, request) in ACTORS.items():
                began = anyio.current_time()
                try:
                    await self._ask(venue, actor, request)
                    answers[f"{name}/{child}"] = anyio.current_time() - began
                except UNANSWERED as error:
                    answers[f"{name}/{child}"] = str(error)
        return HealthCheck(all(isinstance(one, float) for one in answers.values()), answers)

    # ---- what a bot asks for

    @asynccontextmanager
    async def subscribe(
        self, topic: Topic[M], *, capacity: int = 10_000, overflow: Overflow | Conflate | None = None
    ) -> AsyncIterator[Subscription[M]]:
        """Want a feed for as long as the block runs, and hear it.

        Args:
            topic: `trades("binance:BTC/USDT")`.
            capacity: events that wait for the reader. Of what is lost beyond it, the reader is told as `Skipped(count)`.
            overflow: what becomes of events that the reader is too slow for; None: what suits the feed, `feeds.policy_of`.

        Raises:
            UnknownInstrument: the exchange does not have it.
            NoSuchVenue: its exchange is not in the tree.
            ValueError: it is no feed.
            AskTimeout, ActorCrashed, MailboxFull, NoSuchActor: the StreamManager did not answer.

        Cancellation: may have happened; what was wanted is given up at the end of the block.
        """
        feed, _, venue, _ = feed_of(topic)
        streams = self._venue(venue).ref(STREAMS)
        meant = await streams.ask(SubscriptionTo(topic.key), timeout=self.timeout)
        if isinstance(meant, str):
            raise UnknownInstrument(topic.key, meant)
        wanted = (meant,)
        policy = policy_of(feed) if overflow is None else overflow
        with self.root.subscription(topic, capacity=capacity, overflow=policy) as subscription:
            rejected: tuple[Rejected, ...] = await streams.ask(Want(wanted), timeout=self.timeout)
            if rejected:
                raise UnknownInstrument(str(rejected[0].subscription.instrument), rejected[0].reason)
            try:
                yield subscription
            finally:
                streams.tell(Unwant(wanted))

    # ---- what an operator does

    async def trigger_recovery(self, kind: IncidentKind, subject: str, *, venue: str = "") -> str:
        """Begin to recover something now, whatever the actors think of it.

        Args:
            kind: what is to be recovered.
            subject: which: a link's name, an endpoint's, an instrument's.
            venue: the exchange; may be left out where there is one.

        Returns:
            The incident's id, also of one that is treated already.

        Raises:
            NoSuchVenue: there is no such exchange.
            AskTimeout, ActorCrashed, MailboxFull, NoSuchActor: the RecoveryManager did not answer.

        Cancellation: may have happened.
        """
        return await self._ask(self._venue(venue), RECOVERY, TriggerRecovery(kind, subject))

    async def trigger_fallback(self, kind: FallbackKind, *, on: bool | None = True, scope: str = "", venue: str = "") -> bool:
        """Put a fallback in force or lift it, whatever the evidence says.

        Args:
            kind: which.
            on: True: in force; False: lifted; None: leave it to the evidence again.
            scope: the link, for the kinds that are about one; empty: all of them.
            venue: the exchange; may be left out where there is one.

        Returns:
            False: there is nothing to do it to.

        Raises:
            NoSuchVenue: there is no such exchange.
            AskTimeout, ActorCrashed, MailboxFull, NoSuchActor: the StateManager did not answer.

        Cancellation: may have happened.
        """
        return await self._ask(self._venue(venue), STATES, ForceFallback(kind, scope, on))

    async def reset_circuit_breakers(self, *, venue: str = "") -> int:
        """Close every breaker of an exchange; how many were not closed. Bans stay: they are the exchange's.

        Raises: as `trigger_fallback`. Cancellation: may have happened.
        """
        return await self._ask(self._venue(venue), CONNECTIONS, ResetBreakers())

    async def isolate(self, endpoint: str, *, venue: str = "") -> bool:
        """Take an endpoint out of use until it is released. False: there is none of that name.

        Connections that are open stay open; nothing new goes there.

        Raises: as `trigger_fallback`. Cancellation: may have happened.
        """
        return await self._ask(self._venue(venue), CONNECTIONS, IsolateEndpoint(endpoint))

    async def release(self, endpoint: str, *, venue: str = "") -> bool:
        """Bring an isolated endpoint back. False: there is none of that name, or it was not isolated.

        Raises: as `trigger_fallback`. Cancellation: may have happened.
        """
        return await self._ask(self._venue(venue), CONNECTIONS, ReleaseEndpoint(endpoint))

    # ---- within

    async def _health(self, venue: Supervisor) -> VenueHealth:
        try:
            reported: dict[str, HealthLevel] = await self._ask(venue, HEALTH, HealthReport())
            levels = dict(reported)
            diagnosis = await self._ask(venue, HEALTH, Diagnose())
            fallbacks = await self._ask(venue, STATES, FallbacksInForce())
        except UNANSWERED as error:
            return VenueHealth(HealthLevel.UNKNOWN, {}, None, (), str(error))
        return VenueHealth(levels.pop("", HealthLevel.UNKNOWN), levels, diagnosis, fallbacks)

    async def _ask(self, venue: Supervisor, actor: Name[Any], request: Request[R]) -> R:
        return await venue.ref(actor).ask(request, timeout=self.timeout)

    def _venues(self) -> dict[str, Supervisor]:
        """{venue: its supervisor}: those below the root that have a ConnectionManager, or the root itself."""
        if _is_venue(self.root):
            return {self.root.path.rpartition("/")[2]: self.root}
        children = [child.id for child in self.root.which_children() if child.kind == "supervisor"]
        found = {name: self.root.supervisor(name) for name in children}
        return {name: one for name, one in found.items() if _is_venue(one)}

    def _venue(self, name: str) -> Supervisor:
        venues = self._venues()
        if name in venues:
            return venues[name]
        if not name and len(venues) == 1:
            return next(iter(venues.values()))
        raise NoSuchVenue(name, tuple(venues))


def _is_venue(supervisor: Supervisor) -> bool:
    ids = {child.id for child in supervisor.which_children()}
    return {"connection manager", "state manager"} <= ids


def _incidents_as_data(records: Any) -> list[dict[str, Any]]:
    return [
        {
            "id": one.id,
            "kind": one.kind.value,
            "subject": one.subject,
            "attempts": one.attempts,
            "open": one.ended is None,
            "ok": one.ok,
        }
        for one in records
    ]
