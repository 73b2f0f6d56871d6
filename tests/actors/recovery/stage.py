"""The RecoveryManager and its workers among scripted neighbours: a stream, its manager, the ConnectionManager, the StateManager
and the HealthMonitor, and an exchange that answers what the test says.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from decimal import Decimal
from functools import partial
from typing import Any, cast

import anyio
from attrs import define, field

from actors.errors import ConnectFailed, ExchangeRefused
from actors.incidents import BookLimits, IncidentRecord
from actors.link_state import LinkPhase
from actors.market import BookSnapshot, Feed, InstrumentId, MarketEvent, Subscription, Trade
from actors.ports import Endpoint, Exchange, RestRequest, RestResponse, Role
from actors.protocol import (
    CONNECTIONS,
    HEALTH,
    RECOVERIES,
    RECOVERY,
    STATES,
    STREAMS,
    ApplyFill,
    ApplySnapshot,
    BookIncident,
    BookInStep,
    ConnectionMessage,
    Denial,
    Denied,
    EndpointStates,
    FallbackMoved,
    FallbacksInForce,
    FindStream,
    ForceFallback,
    HealthMessage,
    Incidents,
    Lease,
    LeaseOutcome,
    LinkStates,
    Probe,
    RaiseAlert,
    Recovered,
    Renew,
    RequestWeight,
    RestartStream,
    Resubscribe,
    StateMessage,
    StreamManagerMessage,
    StreamMessage,
    StreamOf,
    TradesMissing,
)
from actors.recovery_manager import RecoveryManager
from supervisor import (
    Actor,
    ActorSpec,
    Backoff,
    DynamicSupervisorSpec,
    Exhausted,
    Intensity,
    Ref,
    Scope,
    Store,
    Strategy,
    Supervisor,
    SupervisorSpec,
    open_supervisor,
)

BTC = InstrumentId("fake", "BTCUSDT", "BTC/USDT")
ETH = InstrumentId("fake", "ETHUSDT", "ETH/USDT")
TRADES = Subscription(BTC, Feed.TRADES)
OWN_BUDGET = Intensity(5, 60.0, scope=Scope.CHILD, exhausted=Exhausted.GIVE_UP)


def ok(body: str) -> RestResponse:
    return RestResponse(200, body.encode())


def trade(number: int) -> Trade:
    return Trade(instrument=BTC, id=number, price=Decimal(1), quantity=Decimal(1), buyer_is_maker=True, time_ms=number)


class FakeVenue:
    """As much of an adapter as recovery needs. Bodies are numbers, ids are separated by commas."""

    venue = "fake"

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def instrument(self, canonical: str) -> InstrumentId:
        return InstrumentId("fake", canonical.replace("/", ""), canonical)

    def snapshot_request(self, instrument: InstrumentId) -> RestRequest | None:
        return None if self.stage.in_band else RestRequest("depth", {"symbol": instrument.native}, 50)

    def parse_snapshot(self, instrument: InstrumentId, response: RestResponse) -> BookSnapshot:
        return BookSnapshot(instrument=instrument, last_id=int(self._checked(response).body), bids=[], asks=[])

    def fill_request(self, subscription: Subscription, after_id: int, before_id: int) -> RestRequest | None:
        return RestRequest("trades", {"from": str(after_id + 1), "to": str(before_id)}, 10) if self.stage.fills else None

    def parse_fill(self, subscription: Subscription, response: RestResponse) -> Sequence[MarketEvent]:
        return [trade(int(number)) for number in self._checked(response).body.decode().split(",") if number]

    def time_request(self) -> RestRequest | None:
        return RestRequest("time")

    def parse_time(self, response: RestResponse) -> int:
        return int(self._checked(response).body)

    def refusal(self, response: RestResponse) -> ExchangeRefused | None:
        return None if response.status == 200 else ExchangeRefused(response.status, 0, response.body.decode())

    def used_weight(self, response: RestResponse) -> int | None:
        return None

    def _checked(self, response: RestResponse) -> RestResponse:
        refused = self.refusal(response)
        if refused is not None:
            raise refused
        return response


@define(eq=False)
class Stage:
    """What the neighbours answer, and what they were told."""

    answer: Callable[[RestRequest], RestResponse] = lambda request: ok("100")
    latency: float = 0.01
    in_band: bool = False
    """The stream itself sends snapshots."""
    fills: bool = True
    denied_until: float = 0.0
    applies: Callable[[], bool] = lambda: True
    """Whether a snapshot fits."""
    wanted: set[int] = field(factory=set)
    """Ids that the stream misses."""
    in_step: Callable[[], bool] = lambda: False
    phases: dict[str, LinkPhase] = field(factory=dict)
    endpoints: dict[str, dict[str, Any]] = field(factory=dict)
    on_probe: Callable[[], None] = lambda: None
    on_renew: Callable[[], None] = lambda: None
    on_force: Callable[[bool | None], None] = lambda on: None
    parks: bool = False
    """Streams crash as soon as they begin."""
    requests: list[tuple[float, RestRequest]] = field(factory=list)
    weighed: list[float] = field(factory=list)
    outcomes: list[LeaseOutcome] = field(factory=list)
    told: list[Any] = field(factory=list)
    """What the stream was told and asked, snapshots and looks excepted."""
    delivered: list[int] = field(factory=list)
    """Ids that filled the hole."""
    forced: list[bool | None] = field(factory=list)
    in_force: tuple[FallbackMoved, ...] = ()
    restarts: list[float] = field(factory=list)
    alerts: list[RaiseAlert] = field(factory=list)
    ended: list[Recovered] = field(factory=list)
    another: anyio.Event = field(init=False, factory=anyio.Event)
    """Set when one more has ended."""
    root: Supervisor = field(init=False)

    @property
    def manager(self) -> Ref[Any]:
        return self.root.ref(RECOVERY)

    @property
    def group(self) -> Supervisor:
        return self.root.supervisor("recovery")

    @property
    def workers(self) -> list[str]:
        return [child.id for child in self.group.supervisor("workers").which_children()]

    def worker(self) -> Ref[Any]:
        (only,) = self.group.supervisor("workers").which_children()
        return only.ref

    def stream(self, name: str = "BTCUSDT") -> Ref[StreamMessage]:
        return self.root.supervisor("streams").child(name)

    def book_is_out_of_step(self, instrument: InstrumentId = BTC) -> None:
        self.manager.tell(BookIncident(instrument, self.stream()))

    def trades_are_missing(self, after: int, before: int) -> None:
        self.manager.tell(TradesMissing(TRADES, after, before, self.stream()))

    async def records(self) -> tuple[IncidentRecord, ...]:
        return cast("tuple[IncidentRecord, ...]", await self.manager.ask(Incidents()))

    async def over(self, count: int = 1, within: float = 3_000.0) -> list[Recovered]:
        """Wait until so many have ended."""
        with anyio.fail_after(within):
            while len(self.ended) < count:
                await self.another.wait()
        return self.ended

    def asked(self, path: str) -> list[RestRequest]:
        return [request for _, request in self.requests if request.path == path]

    async def get(self, base_url: str, request: RestRequest) -> RestResponse:
        """As a Rest."""
        self.requests.append((anyio.current_time(), request))
        await anyio.sleep(self.latency)
        return self.answer(request)


def no_answer(request: RestRequest) -> RestResponse:
    raise ConnectFailed("https://fake", "nobody answers")


@define(eq=False)
class FakeStream(Actor[StreamMessage]):
    stage: Stage

    async def on_start(self) -> None:
        if self.stage.parks:
            self.spawn(self._crash)

    async def _crash(self) -> None:
        await anyio.sleep(0.01)
        raise RuntimeError("parked")

    def receive(self, message: StreamMessage) -> Any:
        stage = self.stage
        match message:
            case ApplySnapshot():
                return stage.applies()
            case BookInStep():
                return stage.in_step()
            case ApplyFill(_, events, last):
                numbers = [event.sequence for event in events]
                stage.delivered += [number for number in numbers if number in stage.wanted]
                stage.wanted -= set(numbers)
                stage.told.append(message)
                return last or not stage.wanted
            case Resubscribe():
                stage.told.append(message)
                return True
            case Renew():
                stage.told.append(message)
                stage.on_renew()
        return None


@define(eq=False)
class FakeStreams(Actor[StreamManagerMessage]):
    stage: Stage

    async def receive(self, message: StreamManagerMessage) -> Any:
        streams = self.context.supervisor.supervisor("streams")
        match message:
            case StreamOf(subscription):
                return subscription.instrument.native
            case FindStream(name):
                return next((child.ref for child in streams.which_children() if child.id == name), None)
            case RestartStream(name):
                self.stage.restarts.append(anyio.current_time())
                await streams.restart_child(name)
                return True
        return None


@define(eq=False)
class FakeConnections(Actor[ConnectionMessage]):
    stage: Stage

    def receive(self, message: ConnectionMessage) -> Any:
        stage, now = self.stage, anyio.current_time()
        match message:
            case RequestWeight():
                stage.weighed.append(now)
                if stage.denied_until > now:
                    return Denied(stage.denied_until, "banned", Denial.BANNED)
                return Lease(1, Endpoint("rest-1", Role.REST, "https://fake"))
            case LeaseOutcome():
                stage.outcomes.append(message)
                if message.open_until is not None:
                    stage.denied_until = max(stage.denied_until, message.open_until)
            case EndpointStates():
                return stage.endpoints
            case Probe():
                stage.on_probe()
        return None


@define(eq=False)
class FakeStates(Actor[StateMessage]):
    stage: Stage

    def receive(self, message: StateMessage) -> Any:
        match message:
            case LinkStates():
                return self.stage.phases
            case FallbacksInForce():
                return self.stage.in_force
            case ForceFallback(_, _, on):
                self.stage.forced.append(on)
                self.stage.on_force(on)
                return True
        return None


@define(eq=False)
class FakeHealth(Actor[HealthMessage]):
    stage: Stage

    def receive(self, message: HealthMessage) -> Any:
        if isinstance(message, RaiseAlert):
            self.stage.alerts.append(message)


@asynccontextmanager
async def on_stage(*, limits: BookLimits | None = None, store: Store | None = None, **answers: Any) -> AsyncIterator[Stage]:
    """The small tree. `answers` are fields of the stage."""
    stage = Stage(**answers)
    exchange = cast("Exchange", FakeVenue(stage))
    streams = DynamicSupervisorSpec("streams", intensity=OWN_BUDGET)
    recovery = SupervisorSpec(
        "recovery",
        [
            DynamicSupervisorSpec("workers", intensity=OWN_BUDGET),
            ActorSpec(
                "recovery manager",
                lambda: RecoveryManager(exchange, lambda: nullcontext(stage), limits=limits or BookLimits()),
                name=RECOVERY,
                backoff=Backoff(initial=0.1, maximum=5.0),
            ),
        ],
        strategy=Strategy.REST_FOR_ONE,
    )
    fakes: list[ActorSpec[Any]] = [
        ActorSpec("connections", partial(FakeConnections, stage), name=CONNECTIONS),
        ActorSpec("states", partial(FakeStates, stage), name=STATES),
        ActorSpec("health", partial(FakeHealth, stage), name=HEALTH),
        ActorSpec("stream manager", partial(FakeStreams, stage), name=STREAMS),
    ]
    async with (
        anyio.create_task_group() as group,
        open_supervisor(SupervisorSpec("fake", [streams, *fakes, recovery], store=store), deadline=30.0) as root,
    ):
        stage.root = root
        await root.supervisor("streams").start_child(ActorSpec("BTCUSDT", partial(FakeStream, stage)))
        group.start_soon(_follow, root, stage)
        await anyio.sleep(0.01)
        yield stage
        group.cancel_scope.cancel()


async def _follow(root: Supervisor, stage: Stage) -> None:
    async for recovered in root.subscription(RECOVERIES):
        if isinstance(recovered, Recovered):
            stage.ended.append(recovered)
            stage.another.set()
            stage.another = anyio.Event()


def kinds(alerts: Sequence[RaiseAlert]) -> list[tuple[str, bool]]:
    return [(alert.key, alert.on) for alert in alerts]
