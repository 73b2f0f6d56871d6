"""FaultTolerance: all that keeps a bot alive behind one object, for the code of the bot, an operator or a dashboard.

    async with open_supervisor(bot_tree(exchange_tree(Binance.production()))) as root:
        tolerance = FaultTolerance(root)
        async with tolerance.subscribe(trades("binance:BTC/USDT")) as events: ...
        if (await tolerance.system_health()).level is HealthLevel.CRITICAL: ...

It decides nothing and keeps nothing: every method asks the actors whose business it is. Who does not answer within `timeout` is
told of as such and hides nobody else: all are asked at the same time.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Hashable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import anyio
from attrs import field, frozen

from actors.alert_rules import Alert
from actors.errors import UnknownInstrument
from actors.fault_tolerance.health import HealthCheck, SystemHealth, health_of
from actors.fault_tolerance.questions import ACTORS, METRICS, UNANSWERED, Answer
from actors.fault_tolerance.venues import NoSuchVenue, find_venues
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
    FallbackKind,
    FallbacksInForce,
    ForceFallback,
    HealthReport,
    IsolateEndpoint,
    ReleaseEndpoint,
    ResetBreakers,
    SubscriptionTo,
    TriggerRecovery,
    Unwant,
    Want,
)
from actors.vitals import worst
from supervisor import (
    Conflate,
    Name,
    Overflow,
    Request,
    SpecError,
    Subscription,
    Supervisor,
    Topic,
)
from supervisor.backoff import is_number
from supervisor.checks import check_kind

__all__ = ["FaultTolerance"]

R = TypeVar("R")
M = TypeVar("M")
K = TypeVar("K", bound=Hashable)

_NUMBERS = itertools.count(1)
"""Of those who want a feed, so that each is counted as himself."""


@frozen
class FaultTolerance:
    """The face of a running bot.

    Args:
        root: the running tree, of `open_supervisor(bot_tree(...))`, or the supervisor of one exchange in it.
        timeout: seconds above 0 that an actor has for an answer.

    Raises:
        TypeError: `root` is no running tree.
        SpecError: `timeout` is no such time.
    """

    root: Supervisor
    timeout: float = field(default=5.0, kw_only=True)

    def __attrs_post_init__(self) -> None:
        expected = "a running tree, such as `async with open_supervisor(bot_tree(...)) as root` gives"
        check_kind(self.root, Supervisor, "FaultTolerance(root)", expected)
        if not is_number(self.timeout) or self.timeout <= 0:
            raise SpecError("FaultTolerance.timeout", self.timeout, "seconds above 0, for example timeout=5.0")

    @property
    def venues(self) -> tuple[str, ...]:
        """The exchanges that run."""
        return tuple(self._venues())

    # ---- how things are

    async def system_health(self) -> SystemHealth:
        """The level of everything, what is wrong, and which fallbacks are in force. Cancellation: atomic."""
        asked: dict[tuple[str, str], tuple[Supervisor, Name[Any], Request[Any]]] = {}
        running = self._venues()
        for name, venue in running.items():
            asked[name, "health"] = (venue, HEALTH, HealthReport())
            asked[name, "diagnosis"] = (venue, HEALTH, Diagnose())
            asked[name, "fallbacks"] = (venue, STATES, FallbacksInForce())
        answers = await self._ask_all(asked)
        venues = {
            name: health_of(answers[name, "health"], answers[name, "diagnosis"], answers[name, "fallbacks"]) for name in running
        }
        return SystemHealth(worst(one.level for one in venues.values()), venues)

    async def metrics(self) -> dict[str, Any]:
        """All that is counted and measured, per exchange, in plain types. Cancellation: atomic.

        `{venue: {"health": ..., "endpoints": ..., "links": ..., "incidents": ..., "subscriptions": n}}`; an actor that did not
        answer has an entry `{"unanswered": why}`.
        """
        venues = self._venues()
        asked = {
            (name, key): (venue, actor, request)
            for name, venue in venues.items()
            for key, (actor, request, _) in METRICS.items()
        }
        found: dict[str, Any] = {name: {} for name in venues}
        for (name, key), answer in (await self._ask_all(asked)).items():
            plain = METRICS[key][2]
            found[name][key] = {"unanswered": answer.silent} if answer.silent else plain(answer.value)
        return found

    async def active_alerts(self, *, venue: str = "") -> tuple[Alert, ...]:
        """The alerts that have not ended, gravest first; those of an exchange that does not answer are missing.

        Args:
            venue: of which exchange; empty: of all.

        Raises:
            NoSuchVenue: there is no such exchange.

        Cancellation: atomic.
        """
        asked = {venue: self._venue(venue)} if venue else self._venues()
        answers = await self._ask_all({name: (one, HEALTH, ActiveAlerts()) for name, one in asked.items()})
        found: list[Alert] = [alert for answer in answers.values() if not answer.silent for alert in answer.value]
        return tuple(sorted(found, key=lambda alert: (-alert.severity, alert.since)))

    async def health_check(self) -> HealthCheck:
        """Ask every manager of every exchange now, instead of believing what was reported. Cancellation: atomic."""
        asked = {
            f"{name}/{child}": (venue, actor, request)
            for name, venue in self._venues().items()
            for child, (actor, request) in ACTORS.items()
        }
        found = await self._ask_all(asked)
        answers = {name: answer.silent or answer.seconds for name, answer in found.items()}
        return HealthCheck(bool(found) and not any(answer.silent for answer in found.values()), answers)

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
            TypeError, ValueError: it is no feed.
            SpecError: the exchange does not offer that feed; `capacity` or `overflow` is none.
            AskTimeout, ActorCrashed, MailboxFull, NoSuchActor, Draining: the StreamManager did not answer.

        Cancellation: what was wanted is given up, be it at the end of the block or before its beginning.
        """
        check_kind(topic, Topic, "subscribe(topic)", 'a feed, such as trades("binance:BTC/USDT")')
        feed, _, name, _ = feed_of(topic)
        streams = self._venue(name).ref(STREAMS)
        meant = await streams.ask(SubscriptionTo(topic.key), timeout=self.timeout)
        if isinstance(meant, Exception):
            raise meant
        wanted, by = (meant,), f"subscriber {next(_NUMBERS)}"
        policy = policy_of(feed) if overflow is None else overflow
        with self.root.subscription(topic, capacity=capacity, overflow=policy) as subscription:
            try:
                rejected: tuple[Rejected, ...] = await streams.ask(Want(wanted, by=by), timeout=self.timeout)
                if rejected:
                    raise UnknownInstrument(str(rejected[0].subscription.instrument), rejected[0].reason)
                yield subscription
            finally:
                # Also where the answer never came: the question may have been heard. If it was not, this changes nothing.
                streams.tell(Unwant(wanted, by=by))

    # ---- what an operator does

    async def trigger_recovery(self, kind: IncidentKind, subject: str, *, venue: str = "") -> str:
        """Begin to recover something now, though nobody has reported it. What turns out to be well is over at once.

        How it ended is published on RECOVERIES.

        Args:
            kind: what is to be recovered.
            subject: which. LINK and STREAM: the name of a link, see `metrics`; BOOK: `binance:BTC/USDT`; ENDPOINT: `stream-1`;
                BAN and CLOCK: the exchange.
            venue: the exchange; may be left out where there is one.

        Returns:
            The incident's id, also of one that is treated already.

        Raises:
            TypeError: an argument of the wrong kind.
            NoSuchVenue: there is no such exchange.
            AskTimeout, ActorCrashed, MailboxFull, NoSuchActor, Draining: the RecoveryManager did not answer.

        Cancellation: may have happened.
        """
        check_kind(kind, IncidentKind, "trigger_recovery(kind)", "an IncidentKind, such as IncidentKind.LINK")
        check_kind(subject, str, "trigger_recovery(subject)", "a text, such as the name of a link")
        return await self._ask(self._venue(venue), RECOVERY, TriggerRecovery(kind, subject))

    async def trigger_fallback(self, kind: FallbackKind, *, on: bool | None = True, scope: str = "", venue: str = "") -> bool:
        """Put a fallback in force or lift it, whatever the evidence says. That holds, restarts included, until `on=None`.

        Args:
            kind: which.
            on: True: in force; False: lifted; None: leave it to the evidence again.
            scope: PROTOCOL and CACHE: a link, empty: all of them. ENDPOINT: an endpoint: on, it is left for the others, off, it
                comes first; empty: the preferred one for streams. RATE and PARTIAL are about the whole exchange: empty.
            venue: the exchange; may be left out where there is one.

        Returns:
            False: there is nothing to do it to.

        Raises:
            TypeError: an argument of the wrong kind.
            NoSuchVenue: there is no such exchange.
            AskTimeout, ActorCrashed, MailboxFull, NoSuchActor, Draining: the StateManager did not answer.

        Cancellation: may have happened.
        """
        check_kind(kind, FallbackKind, "trigger_fallback(kind)", "a FallbackKind, such as FallbackKind.PROTOCOL")
        check_kind(scope, str, "trigger_fallback(scope)", "a text, such as the name of a link")
        if on is not None:
            check_kind(on, bool, "trigger_fallback(on)", "True: in force, False: lifted, None: as the evidence says")
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
        check_kind(endpoint, str, "isolate(endpoint)", "its name, such as 'stream-1'")
        return await self._ask(self._venue(venue), CONNECTIONS, IsolateEndpoint(endpoint))

    async def release(self, endpoint: str, *, venue: str = "") -> bool:
        """Bring an isolated endpoint back. False: there is none of that name, or it was not isolated.

        Raises: as `trigger_fallback`. Cancellation: may have happened.
        """
        check_kind(endpoint, str, "release(endpoint)", "its name, such as 'stream-1'")
        return await self._ask(self._venue(venue), CONNECTIONS, ReleaseEndpoint(endpoint))

    # ---- within

    async def _ask(self, venue: Supervisor, actor: Name[Any], request: Request[R]) -> R:
        return await venue.ref(actor).ask(request, timeout=self.timeout)

    async def _ask_all(self, asked: Mapping[K, tuple[Supervisor, Name[Any], Request[Any]]]) -> dict[K, Answer]:
        """Ask all at once, so that many who do not answer take no longer than one. Cancellation: atomic."""
        answers: dict[K, Answer] = {}

        async def ask(key: K) -> None:
            """Cancellation: atomic."""
            venue, actor, request = asked[key]
            began = anyio.current_time()
            try:
                value, silent = await self._ask(venue, actor, request), ""
            except UNANSWERED as error:
                value, silent = None, str(error)
            answers[key] = Answer(value, anyio.current_time() - began, silent)

        async with anyio.create_task_group() as group:
            for key in asked:
                group.start_soon(ask, key)
        return {key: answers[key] for key in asked}

    def _venues(self) -> dict[str, Supervisor]:
        """{venue: its supervisor}, in start order."""
        found: dict[str, Supervisor] = {}
        find_venues(self.root, found)
        return found

    def _venue(self, name: str) -> Supervisor:
        check_kind(name, str, "venue", "the name of an exchange, such as 'binance'")
        venues = self._venues()
        if name in venues:
            return venues[name]
        if not name and len(venues) == 1:
            return next(iter(venues.values()))
        raise NoSuchVenue(name, tuple(venues))
