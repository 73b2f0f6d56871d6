"""OKX's public spot market as an `Exchange`: addresses, limits, and the parts put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from attrs import field, frozen

from actors.errors import ExchangeRefused
from actors.exchanges.addresses import endpoints_of
from actors.exchanges.okx import rest, symbols, wire
from actors.exchanges.okx.channels import FEEDS
from actors.exchanges.okx.session import OkxSession
from actors.market import BookSnapshot, Feed, InstrumentId, Level, MarketEvent, Subscription
from actors.ports import Endpoint, FeedRule, Limits, RestRequest, RestResponse, Role

__all__ = ["LIMITS", "Okx"]

LIMITS = Limits(
    # 480 requests to subscribe, unsubscribe or log in per hour. Pings do not count there, but do here: at one every 20 s they
    # take 180, and 300 requests of a hundred channels each are left, at once if need be.
    messages=480,
    messages_within=3600.0,
    attempts=3,
    # OKX says 1 s and counts what arrives: two attempts can come closer together than they left.
    attempts_within=1.1,
    # OKX names no limit for the public channels, and advises fewer than 30 books: 30 instruments with three feeds each.
    subscriptions=90,
    weight=rest.WEIGHT,
    weight_within=rest.WITHIN,
    # OKX names none, and announces its upgrades. Renewed once a week, a connection shows that it can be.
    max_age=604_800.0,
    # OKX closes what is silent for 30 s, and does not ping.
    client_ping=20.0,
    # ... and a connection on which nothing is subscribed within 30 s.
    spares=False,
)

# Port 8443 was closed on 2026-10-31. The second is the same service by way of AWS.
_STREAM_URLS = ("wss://ws.okx.com", "wss://wsaws.okx.com")
_REST_URLS = ("https://openapi.okx.com", "https://www.okx.com")


def _checked_limits(_okx: object, _attribute: object, value: Limits) -> None:
    if value.weight < rest.HEAVIEST:
        # It could never be granted, and whoever is asked for it would fail at every attempt.
        raise ValueError(
            f"limits.weight is {value.weight!r}, expected {rest.HEAVIEST} or more: the weight of the heaviest request"
        )


@frozen(kw_only=True)
class Okx:
    """Implements `actors.ports.Exchange`. Built by `production` or `at`.

    There is no `demo`: over REST, demo trading is told by a header that a `RestRequest` cannot carry, and what is polled
    would be the real market's.

    Args:
        endpoints: addresses, each role's in order of preference.
        limits: what the exchange allows.
    """

    endpoints: tuple[Endpoint, ...]
    limits: Limits = field(default=LIMITS, validator=_checked_limits)
    venue: str = field(default=symbols.VENUE, init=False)

    @classmethod
    def production(cls) -> Self:
        """The real market, as the world outside the US and the EEA sees it; those have addresses of their own, for `at`."""
        return cls.at(stream_urls=_STREAM_URLS, rest_urls=_REST_URLS)

    @classmethod
    def at(cls, *, stream_urls: Sequence[str], rest_urls: Sequence[str], limits: Limits = LIMITS) -> Self:
        """A market at these addresses, for example a simulator's.

        Args:
            stream_urls: `ws://` or `wss://`, without a path, in order of preference.
            rest_urls: `http://` or `https://`, likewise.
            limits: see the class.

        Raises:
            ValueError: an address is of another form, a role has none, or the limits do not allow a single request.
        """
        streams = endpoints_of(Role.STREAM, stream_urls, ("ws://", "wss://"))
        rests = endpoints_of(Role.REST, rest_urls, ("http://", "https://"))
        return cls(endpoints=(*streams, *rests), limits=limits)

    @property
    def feeds(self) -> Mapping[Feed, FeedRule]:
        """What it offers, and how."""
        return FEEDS

    def instrument(self, canonical: str) -> InstrumentId:
        """The instrument `BTC/USDT` at OKX.

        Raises:
            UnknownInstrument: it cannot be one of its spot market.
        """
        return symbols.parse_canonical(canonical)

    def stream_url(self, endpoint: Endpoint) -> str:
        """Where a stream connection to this endpoint is opened.

        Raises:
            ValueError: it is no stream endpoint.
        """
        if endpoint.role is not Role.STREAM:
            raise ValueError(f"{endpoint.name!r} is a {endpoint.role.value} endpoint, expected a stream endpoint")
        return f"{endpoint.url}/ws/v5/public"

    def session(self) -> OkxSession:
        """A fresh session for a fresh connection."""
        return OkxSession()

    def symbols_request(self) -> RestRequest:
        """Asks which instruments there are."""
        return rest.SYMBOLS

    def parse_symbols(self, response: RestResponse) -> frozenset[str]:
        """Native symbols that are traded now.

        Raises:
            ExchangeRefused: the exchange answered with an error.
            BadFrame: the answer is not readable.
        """
        return rest.parse_trading_symbols(response)

    def snapshot_request(self, instrument: InstrumentId) -> None:
        """None: the stream itself sends a book after each subscription."""

    def parse_snapshot(self, instrument: InstrumentId, response: RestResponse) -> BookSnapshot:
        """The book in an answer to a poll.

        Raises:
            ExchangeRefused: the exchange answered with an error.
            BadFrame: the answer is not readable.
        """
        return rest.parse_book(instrument, response)

    def checksum(self, bids: Sequence[Level], asks: Sequence[Level]) -> int:
        """CRC32 of the best 25 levels. OKX has sent it until June 2026, and 0 since then."""
        return wire.checksum(bids, asks)

    def fill_request(self, subscription: Subscription, after_id: int, before_id: int) -> None:
        """None: ids do not tell what is missing. See `channels`."""

    def parse_fill(self, subscription: Subscription, response: RestResponse) -> Sequence[MarketEvent]:
        """Nothing: nothing was asked."""
        return ()

    def poll_request(self, subscription: Subscription, after_id: int | None) -> RestRequest | None:
        """Asks for what this subscription would deliver; None: it cannot be asked.

        Polled trades are single matches, those of the stream whole orders; an id is that of the last match in either.
        """
        return rest.poll_request(subscription, after_id)

    def parse_poll(self, subscription: Subscription, response: RestResponse) -> Sequence[MarketEvent]:
        """Oldest first; of a whole book one BookSnapshot.

        Raises:
            ExchangeRefused: the exchange answered with an error.
            BadFrame: the answer is not readable.
        """
        return rest.parse_poll(subscription, response)

    def time_request(self) -> RestRequest:
        """Asks for the exchange's clock."""
        return rest.SERVER_TIME

    def parse_time(self, response: RestResponse) -> int:
        """Milliseconds since 1970. Raises ExchangeRefused or BadFrame."""
        return rest.parse_server_time(response)

    def refusal(self, response: RestResponse) -> ExchangeRefused | None:
        """The error that an answer is, be its status 200; None: it is none."""
        return rest.refusal(response)

    def used_weight(self, response: RestResponse) -> None:
        """OKX does not say."""
