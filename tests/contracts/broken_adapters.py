"""One adapter for each rule of the exchange contract, that breaks it and no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from attrs import evolve
from msgspec import structs

from actors.errors import ExchangeRefused
from actors.exchanges.binance import LIMITS, Binance, BinanceSession
from actors.exchanges.binance.streams import FEEDS, BinanceBookDelta, BinanceTrade
from actors.market import (
    UNSET_INSTRUMENT,
    BookSnapshot,
    Feed,
    InstrumentId,
    Level,
    MarketEvent,
    Subscription,
)
from actors.ports import (
    Ack,
    Delivery,
    Endpoint,
    Exchange,
    FeedRule,
    Frame,
    Heartbeat,
    Inbound,
    Refusal,
    RestRequest,
    RestResponse,
    Role,
    ShutdownNotice,
)
from actors.testing import Question, Recording

__all__ = ["BROKEN", "HasAClockOfSeconds"]

Break = Callable[[Recording], tuple[Exchange, Recording]]


class OtherTrade(MarketEvent, frozen=True, kw_only=True):
    """Looks like a trade and is none."""

    id: int
    price: Decimal
    quantity: Decimal
    buyer_is_maker: bool
    time_ms: int

    @property
    def sequence(self) -> int:
        return self.id


class BackwardTrade(BinanceTrade, frozen=True, kw_only=True):
    @property
    def sequence(self) -> int:
        return 20_000 - self.id


def made_of(kind: type[MarketEvent], event: MarketEvent) -> MarketEvent:
    return kind(**{name: getattr(event, name) for name in event.__struct_fields__})


class Changing(BinanceSession):
    """Does something else with what it receives."""

    def receive(self, frame: Frame) -> Inbound:
        inbound = super().receive(frame)
        return (
            Delivery(inbound.subscription, [self.event(one) for one in inbound.events])
            if isinstance(inbound, Delivery)
            else inbound
        )

    def event(self, event: MarketEvent) -> MarketEvent:
        return event


# ---- sessions


class AsksInAnotherWord(BinanceSession):
    def subscribe(self, subscriptions: Sequence[Subscription]) -> Sequence[str]:
        return [text.replace('"SUBSCRIBE"', '"subscribe"') for text in super().subscribe(subscriptions)]


class AsksForManyOneByOne(BinanceSession):
    def subscribe(self, subscriptions: Sequence[Subscription]) -> Sequence[str]:
        if len(subscriptions) < 50:
            return super().subscribe(subscriptions)
        return [text for one in subscriptions for text in super(AsksForManyOneByOne, self).subscribe([one])]


class ForgetsWhatItAskedFor(BinanceSession):
    def receive(self, frame: Frame) -> Inbound:
        inbound = super().receive(frame)
        return Ack(inbound.request_id, ()) if isinstance(inbound, Ack) else inbound


class KeepsTheReasonToItself(BinanceSession):
    def receive(self, frame: Frame) -> Inbound:
        inbound = super().receive(frame)
        return structs.replace(inbound, message="") if isinstance(inbound, Refusal) else inbound


class PingsThatAreNeverSent(BinanceSession):
    def ping(self) -> Any:
        return "ping"


class OverhearsTheAnnouncement(BinanceSession):
    def receive(self, frame: Frame) -> Inbound:
        inbound = super().receive(frame)
        return None if isinstance(inbound, ShutdownNotice) else inbound


class TakesStrangersForHeartbeats(BinanceSession):
    def receive(self, frame: Frame) -> Inbound:
        return Heartbeat() if b"ethusdt" in frame.payload else super().receive(frame)


class SwallowsGarbage(BinanceSession):
    def receive(self, frame: Frame) -> Inbound:
        return super().receive(frame) if frame.payload else None


class DeliversWhatWasGivenUp(BinanceSession):
    def unsubscribe(self, subscriptions: Sequence[Subscription]) -> Sequence[str]:
        streams = dict(self._streams)
        frames = super().unsubscribe(subscriptions)
        self._streams.update(streams)
        return frames


class DeliversWhatNobodyAskedFor(BinanceSession):
    def subscribe(self, subscriptions: Sequence[Subscription]) -> Sequence[str]:
        frames = super().subscribe(subscriptions)
        options = {Feed.CANDLES: "1m", Feed.PARTIAL_BOOK: "5"}
        instruments = {wanted.instrument for wanted in subscriptions}
        super().subscribe([Subscription(one, feed, options.get(feed, "")) for one in instruments for feed in Feed])
        return frames


class SharesItsRequests(BinanceSession):
    shared: ClassVar[dict[int, Any]] = {}

    def subscribe(self, subscriptions: Sequence[Subscription]) -> Sequence[str]:
        self._waiting = self.shared
        return super().subscribe(subscriptions)

    def receive(self, frame: Frame) -> Inbound:
        self._waiting = self.shared
        return super().receive(frame)


class ConfusesNumbers(Changing):
    def event(self, event: MarketEvent) -> MarketEvent:
        return structs.replace(event, quantity=event.quantity + 1) if isinstance(event, BinanceTrade) else event


class HasTradesOfItsOwn(Changing):
    def event(self, event: MarketEvent) -> MarketEvent:
        return made_of(OtherTrade, event) if isinstance(event, BinanceTrade) else event


class SaysNotWhose(Changing):
    def event(self, event: MarketEvent) -> MarketEvent:
        return structs.replace(event, instrument=UNSET_INSTRUMENT)


class SaysNotWhen(Changing):
    def event(self, event: MarketEvent) -> MarketEvent:
        return structs.replace(event, received=0.0)


class HasFloats(Changing):
    def event(self, event: MarketEvent) -> MarketEvent:
        price: Any = float(event.price) if isinstance(event, BinanceTrade) else None
        return structs.replace(event, price=price) if isinstance(event, BinanceTrade) else event


class CountsBackwards(Changing):
    def event(self, event: MarketEvent) -> MarketEvent:
        return made_of(BackwardTrade, event) if isinstance(event, BinanceTrade) else event


class CrossesTheBook(Changing):
    def event(self, event: MarketEvent) -> MarketEvent:
        if isinstance(event, BinanceBookDelta) and event.last_id == 164:
            return structs.replace(event, bids=[(Decimal("0.0027"), Decimal(1))])
        return event


class SaysOneThatNobodyAskedFor(BinanceSession):
    def receive(self, frame: Frame) -> Inbound:
        inbound = super().receive(frame)
        if not isinstance(inbound, Delivery) or inbound.subscription.feed is not Feed.TRADES:
            return inbound
        instrument = structs.replace(inbound.subscription.instrument, native="bnbbtc")
        events = [structs.replace(event, instrument=instrument) for event in inbound.events]
        return Delivery(structs.replace(inbound.subscription, instrument=instrument), events)


# ---- adapters


class TranslatesWrongly(Binance):
    def instrument(self, canonical: str) -> InstrumentId:
        found = super().instrument(canonical)
        return structs.replace(found, native="ETH-USDT") if canonical == "ETH/USDT" else found


class TakesAnythingForAnInstrument(Binance):
    def instrument(self, canonical: str) -> InstrumentId:
        return InstrumentId(self.venue, "BTC", "BTC") if canonical == "BTC" else super().instrument(canonical)


class HasAFeedThatMustNotPause(Binance):
    @property
    def feeds(self) -> Mapping[Feed, FeedRule]:
        return {**FEEDS, Feed.TRADES: FeedRule(numbered=True, pause=0.0)}


class NumbersItsCandles(Binance):
    @property
    def feeds(self) -> Mapping[Feed, FeedRule]:
        return {**FEEDS, Feed.CANDLES: structs.replace(FEEDS[Feed.CANDLES], numbered=True)}


class ShowsItsSecret(Binance):
    def __repr__(self) -> str:
        return "Binance(hunter2)"


class ComputesAChecksumThatNobodySends(Binance):
    def checksum(self, bids: Sequence[Level], asks: Sequence[Level]) -> Any:
        return 7


class AsksElsewhere(Binance):
    def symbols_request(self) -> RestRequest:
        return RestRequest("/api/v9/exchangeInfo", weight=20)


class ReadsSymbolsInLowerCase(Binance):
    def parse_symbols(self, response: RestResponse) -> frozenset[str]:
        return frozenset(symbol.lower() for symbol in super().parse_symbols(response))


class ReadsSnapshotsUpsideDown(Binance):
    def parse_snapshot(self, instrument: InstrumentId, response: RestResponse) -> BookSnapshot:
        book = super().parse_snapshot(instrument, response)
        return structs.replace(book, bids=book.bids[::-1])


class FillsFromTheEnd(Binance):
    def parse_fill(self, subscription: Subscription, response: RestResponse) -> Sequence[MarketEvent]:
        return super().parse_fill(subscription, response)[::-1]


class PollsForNobody(Binance):
    def parse_poll(self, subscription: Subscription, response: RestResponse) -> Sequence[MarketEvent]:
        return [structs.replace(event, instrument=UNSET_INSTRUMENT) for event in super().parse_poll(subscription, response)]


class HasAClockOfSeconds(Binance):
    def parse_time(self, response: RestResponse) -> int:
        return super().parse_time(response) // 1000


class ForgetsItsVenue(Binance):
    def refusal(self, response: RestResponse) -> ExchangeRefused | None:
        refused = super().refusal(response)
        return refused and ExchangeRefused(refused.status, refused.exchange_code, refused.message)


class TakesErrorsForTimes(Binance):
    def parse_time(self, response: RestResponse) -> int:
        try:
            return super().parse_time(response)
        except ExchangeRefused:
            return 0


class TrustsWhatItReads(Binance):
    def parse_symbols(self, response: RestResponse) -> frozenset[str]:
        return super().parse_symbols(response) if response.body else frozenset()


class DoesNotCountWeight(Binance):
    def used_weight(self, response: RestResponse) -> int | None:
        return None


def talking(session: type[BinanceSession]) -> Break:
    class WithThatSession(Binance):
        def session(self) -> BinanceSession:
            return session()

    return made(WithThatSession)


def made(kind: type[Binance]) -> Break:
    def build(recording: Recording) -> tuple[Exchange, Recording]:
        return kind.testnet(), recording

    return build


def with_one_name_for_two_endpoints(recording: Recording) -> tuple[Exchange, Recording]:
    endpoints = (Endpoint("one", Role.STREAM, "wss://one"), Endpoint("one", Role.REST, "https://one"))
    return Binance(endpoints=endpoints), recording


def with_a_limit_of_nothing(recording: Recording) -> tuple[Exchange, Recording]:
    limits = structs.replace(LIMITS, attempts=0)
    return Binance.at(stream_urls=["wss://one"], rest_urls=["https://one"], limits=limits), recording


def without_an_answer(recording: Recording) -> tuple[Exchange, Recording]:
    answers: Iterable[Any] = (answer for answer in recording.answers if answer.question is not Question.TIME)
    return Binance.testnet(), evolve(recording, answers=tuple(answers))


def with_a_secret(recording: Recording) -> tuple[Exchange, Recording]:
    return ShowsItsSecret.testnet(), evolve(recording, secrets=("hunter2",))


BROKEN: Mapping[str, Break] = {
    "endpoints": with_one_name_for_two_endpoints,
    "limits": with_a_limit_of_nothing,
    "instruments": made(TranslatesWrongly),
    "unknown_instruments": made(TakesAnythingForAnInstrument),
    "feeds": made(HasAFeedThatMustNotPause),
    "coverage": without_an_answer,
    "secrets": with_a_secret,
    "subscribing": talking(AsksInAnotherWord),
    "batches": talking(AsksForManyOneByOne),
    "acknowledgements": talking(ForgetsWhatItAskedFor),
    "refusals": talking(KeepsTheReasonToItself),
    "heartbeats": talking(PingsThatAreNeverSent),
    "shutdowns": talking(OverhearsTheAnnouncement),
    "meaningless": talking(TakesStrangersForHeartbeats),
    "garbage": talking(SwallowsGarbage),
    "unsubscribing": talking(DeliversWhatWasGivenUp),
    "strangers": talking(DeliversWhatNobodyAskedFor),
    "separate_sessions": talking(SharesItsRequests),
    "data": talking(ConfusesNumbers),
    "kinds": talking(HasTradesOfItsOwn),
    "identity": talking(SaysNotWhose),
    "arrival": talking(SaysNotWhen),
    "values": talking(HasFloats),
    "sequences": talking(CountsBackwards),
    "numbers": made(NumbersItsCandles),
    "subscriptions": talking(SaysOneThatNobodyAskedFor),
    "book": talking(CrossesTheBook),
    "checksums": made(ComputesAChecksumThatNobodySends),
    "requests": made(AsksElsewhere),
    "symbols": made(ReadsSymbolsInLowerCase),
    "snapshots": made(ReadsSnapshotsUpsideDown),
    "fills": made(FillsFromTheEnd),
    "polls": made(PollsForNobody),
    "clock": made(HasAClockOfSeconds),
    "errors": made(ForgetsItsVenue),
    "raised_errors": made(TakesErrorsForTimes),
    "unreadable_answers": made(TrustsWhatItReads),
    "weights": made(DoesNotCountWeight),
}
"""{rule: what breaks it}"""
