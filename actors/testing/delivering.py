"""What reaches the subscriber."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from actors.market import (
    AggregateTrade,
    AveragePrice,
    Book,
    BookDelta,
    BookSnapshot,
    Candle,
    Feed,
    Level,
    MarketEvent,
    MiniTicker,
    Quote,
    Subscription,
    Ticker24h,
    Trade,
)
from actors.ports import Delivery, Exchange
from actors.testing.playback import Played, clipped, deliveries, difference, play, subscription_of
from actors.testing.recording import Meaning, Recording
from actors.testing.rule import Finding, rules_of

__all__ = ["DELIVERING", "KINDS"]

KINDS: Mapping[Feed, tuple[type[MarketEvent], ...]] = {
    Feed.TRADES: (Trade,),
    Feed.QUOTES: (Quote,),
    Feed.BOOK: (BookDelta, BookSnapshot),
    Feed.AGGREGATES: (AggregateTrade,),
    Feed.PARTIAL_BOOK: (Book,),
    Feed.CANDLES: (Candle,),
    Feed.TICKER: (Ticker24h,),
    Feed.MINI_TICKER: (MiniTicker,),
    Feed.AVERAGE_PRICE: (AveragePrice,),
}
YEAR_2001, YEAR_2286 = 10**12, 10**13


def data(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """Every frame with data is a Delivery of its subscription, with the values that are written."""
    for conversation in recording.conversations:
        for played in play(adapter, conversation):
            if not isinstance(played, Played) or played.heard.meaning is not Meaning.DELIVERY:
                continue
            heard, result = played.heard, played.result
            if not isinstance(result, Delivery):
                got = "nothing" if result is None else f"{type(result).__name__}: {clipped(result)}"
                advice = "Decode it by its stream, and look up whose it is among what was asked for."
                yield Finding(f"{clipped(heard.payload)} means {got}", f"a Delivery of {heard.subscription}", advice)
                continue
            if str(result.subscription) != heard.subscription:
                given = f"{clipped(heard.payload)} is delivered as {result.subscription}"
                yield Finding(given, heard.subscription, "Say the subscription that the stream was asked for with.")
            if heard.events and (wrong := difference(result.events, heard.events)):
                given = f"{clipped(heard.payload)}: {wrong}"
                yield Finding(given, clipped(heard.events), "Compare the fields' names with the keys on the wire.")


def kinds(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """A feed delivers the events that its subscribers know."""
    for _, played, delivery in deliveries(adapter, recording):
        if not delivery.events:
            given = f"{clipped(played.heard.payload)} is a Delivery without events"
            yield Finding(given, "None instead", "Return None for a frame without data.")
        for event in delivery.events:
            if not isinstance(event, KINDS[delivery.subscription.feed]):
                names = " or ".join(kind.__name__ for kind in KINDS[delivery.subscription.feed])
                given = f"{delivery.subscription} delivers {type(event).__name__}"
                yield Finding(given, names, "Subclass that struct and rename its fields to the keys on the wire.")


def identity(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """Every event carries its instrument."""
    for _, _played, delivery in deliveries(adapter, recording):
        for event in delivery.events:
            if event.instrument != delivery.subscription.instrument:
                given = f"an event of {delivery.subscription} says instrument {event.instrument!s}"
                advice = 'Set it: msgspec.structs.force_setattr(event, "instrument", subscription.instrument).'
                yield Finding(given, str(delivery.subscription.instrument), advice)


def arrival(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """Every event carries when its frame was read."""
    for _, played, delivery in deliveries(adapter, recording):
        for event in delivery.events:
            if event.received != played.frame.arrived:
                given = f"an event of {delivery.subscription} says received={event.received!r}"
                advice = 'Set it: msgspec.structs.force_setattr(event, "received", frame.arrived).'
                yield Finding(given, f"{played.frame.arrived!r}, the frame's `arrived`", advice)


def values(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """Values are such as a market can have: prices above 0, sides in order, times in milliseconds, options as asked for."""
    for _, _played, delivery in deliveries(adapter, recording):
        for event in delivery.events:
            for wrong, expected, advice in impossible(delivery.subscription, event):
                yield Finding(f"{delivery.subscription}: {wrong}", expected, advice)


def impossible(subscription: Subscription, event: MarketEvent) -> Iterator[tuple[str, str, str]]:
    """What no market can have: what is wrong, what was expected, what to do."""
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if isinstance(value, float) and name != "received":
            yield f"{name} is the float {value!r}", "a Decimal", "Decode the exchange's own digits, without a float between."
        elif isinstance(value, Decimal) and (value < 0 or (value == 0 and "quantity" not in name and "volume" not in name)):
            yield f"{name} is {value}", "more than 0", "Is it the right key?"
        elif name.endswith("_ms") and not (value == 0 or YEAR_2001 <= value < YEAR_2286):
            yield f"{name} is {value}", "milliseconds since 1970", "Seconds times 1000, microseconds divided by 1000."
    if isinstance(event, Book | BookSnapshot):
        yield from _disorder(event.bids, event.asks)
        if subscription.feed is Feed.PARTIAL_BOOK and max(len(event.bids), len(event.asks)) > int(subscription.option):
            yield f"{len(event.bids)} bids, {len(event.asks)} asks", f"{subscription.option} at most", "Ask for the option."
    if isinstance(event, Candle) and event.interval != subscription.option:
        yield (
            f"interval is {event.interval!r}",
            repr(subscription.option),
            "An interval of ours, not the exchange's word for it.",
        )


def _disorder(bids: Sequence[Level], asks: Sequence[Level]) -> Iterator[tuple[str, str, str]]:
    advice = "Are bids and asks confused? Sort each side if the exchange does not."
    for name, side, sign in (("bids", bids, -1), ("asks", asks, 1)):
        prices = [price * sign for price, _ in side]
        if prices != sorted(prices):
            yield f"{name} are not best first", "the best level first", advice
    if bids and asks and bids[0][0] >= asks[0][0]:
        yield f"best bid {bids[0][0]}, best ask {asks[0][0]}", "the bid below the ask", advice


def sequences(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """The sequence of a subscription's events never goes back; 0 where the exchange does not tell."""
    last: dict[tuple[int, Subscription], int] = defaultdict(int)
    for number, _played, delivery in deliveries(adapter, recording):
        for event in delivery.events:
            key = number, delivery.subscription
            # A snapshot in the stream begins anew, with the id that it has.
            if event.sequence and event.sequence < last[key] and not isinstance(event, BookSnapshot):
                given = f"{delivery.subscription} goes from {last[key]} back to {event.sequence}"
                advice = "Events are oldest first. Take an id or a time that only grows, or leave it 0."
                yield Finding(given, f"{last[key]} or more", advice)
            last[key] = event.sequence or last[key]


def numbers(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """The ids of a feed that says `numbered` count up by one."""
    last: dict[tuple[int, Subscription], int] = {}
    for number, _played, delivery in deliveries(adapter, recording):
        if not adapter.feeds[delivery.subscription.feed].numbered:
            continue
        for event in delivery.events:
            before = last.get((number, delivery.subscription))
            if before is not None and event.sequence > before + 1:
                given = f"{delivery.subscription} goes from {before} to {event.sequence}"
                advice = "If ids have holes, say FeedRule(numbered=False): otherwise every hole is a missed event."
                yield Finding(given, str(before + 1), advice)
            last[number, delivery.subscription] = event.sequence


def subscriptions(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """What is delivered is of a subscription that was asked for."""
    for number, played, delivery in deliveries(adapter, recording):
        wanted = {subscription_of(adapter, text) for text in recording.conversations[number].wanted}
        if delivery.subscription not in wanted:
            given = f"{clipped(played.heard.payload)} is delivered as {delivery.subscription!r}"
            yield Finding(given, "a Subscription equal to one that was given to `subscribe`", "Keep the one that was given.")


DELIVERING = rules_of(data, kinds, identity, arrival, values, sequences, numbers, subscriptions)
