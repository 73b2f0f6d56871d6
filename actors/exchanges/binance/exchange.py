"""Binance's public spot market as an `Exchange`: addresses, limits, and the parts put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from attrs import field, frozen

from actors.errors import ExchangeRefused
from actors.exchanges.addresses import endpoints_of
from actors.exchanges.binance import fills, polls, rest, symbols
from actors.exchanges.binance.session import BinanceSession
from actors.exchanges.binance.streams import FEEDS
from actors.market import BookSnapshot, Feed, InstrumentId, Level, MarketEvent, Subscription
from actors.ports import Endpoint, FeedRule, Limits, RestRequest, RestResponse, Role

__all__ = ["LIMITS", "Binance"]

LIMITS = Limits(
    messages=5,
    # Binance says 1 s and counts what arrives: two of our frames can come closer together than they left, and the sixth within
    # its second closes the connection (1008).
    messages_within=1.1,
    attempts=300,
    attempts_within=300.0,
    subscriptions=1024,
    weight=6000,
    weight_within=60.0,
    max_age=86_400.0,
    server_ping=20.0,
)

_STREAM_URLS = (
    "wss://stream.binance.com:9443",
    "wss://stream.binance.com:443",
    "wss://data-stream.binance.vision:443",
)
# api1 to api4 are faster and less stable; the last has market data only, which is all that is asked for here.
_REST_URLS = (
    "https://api.binance.com",
    "https://api-gcp.binance.com",
    *(f"https://api{n}.binance.com" for n in range(1, 5)),
    "https://data-api.binance.vision",
)
_TESTNET_STREAM_URLS = ("wss://stream.testnet.binance.vision",)
_TESTNET_REST_URLS = ("https://testnet.binance.vision", "https://api1.testnet.binance.vision")


def _checked_depth(_binance: object, _attribute: object, value: int) -> None:
    rest.depth_weight(value)


def _checked_limits(binance: Binance, _attribute: object, value: Limits) -> None:
    heaviest = max(rest.depth_weight(binance.depth_limit), rest.SYMBOLS.weight, fills.WEIGHT)
    if value.weight < heaviest:
        # It could never be granted, and whoever is asked for it would fail at every attempt.
        raise ValueError(f"limits.weight is {value.weight!r}, expected {heaviest} or more: the weight of the heaviest request")


@frozen(kw_only=True)
class Binance:
    """Implements `actors.ports.Exchange`. Built by `production`, `testnet` or `at`.

    Args:
        endpoints: addresses, each role's in order of preference.
        depth_limit: levels per side of a snapshot, 1 to 5000; its weight is 5 up to 100 levels, 25 up to 500,
            50 up to 1000, else 250. Levels beyond it stay unknown until they change.
        limits: what the exchange allows.
    """

    endpoints: tuple[Endpoint, ...]
    depth_limit: int = field(default=rest.DEEPEST, validator=_checked_depth)
    limits: Limits = field(default=LIMITS, validator=_checked_limits)
    venue: str = field(default=symbols.VENUE, init=False)

    @classmethod
    def production(cls, *, depth_limit: int = rest.DEEPEST) -> Self:
        """The real market."""
        return cls.at(stream_urls=_STREAM_URLS, rest_urls=_REST_URLS, depth_limit=depth_limit)

    @classmethod
    def testnet(cls, *, depth_limit: int = rest.DEEPEST) -> Self:
        """Binance's spot test network; it is wiped about once a month."""
        return cls.at(stream_urls=_TESTNET_STREAM_URLS, rest_urls=_TESTNET_REST_URLS, depth_limit=depth_limit)

    @classmethod
    def at(
        cls,
        *,
        stream_urls: Sequence[str],
        rest_urls: Sequence[str],
        depth_limit: int = rest.DEEPEST,
        limits: Limits = LIMITS,
    ) -> Self:
        """A market at these addresses, for example a simulator's.

        Args:
            stream_urls: `ws://` or `wss://`, without a path, in order of preference.
            rest_urls: `http://` or `https://`, likewise.
            depth_limit: see the class.
            limits: see the class.

        Raises:
            ValueError: an address is of another form, a role has none, or the limits do not allow a single snapshot.
        """
        streams = endpoints_of(Role.STREAM, stream_urls, ("ws://", "wss://"))
        rests = endpoints_of(Role.REST, rest_urls, ("http://", "https://"))
        return cls(endpoints=(*streams, *rests), depth_limit=depth_limit, limits=limits)

    def instrument(self, canonical: str) -> InstrumentId:
        """The instrument `BTC/USDT` at Binance.

        Raises:
            UnknownInstrument: it cannot be one here.
        """
        return symbols.parse_canonical(canonical)

    def stream_url(self, endpoint: Endpoint) -> str:
        """Where a stream connection to this endpoint is opened.

        Raises:
            ValueError: it is no stream endpoint.
        """
        if endpoint.role is not Role.STREAM:
            raise ValueError(f"{endpoint.name!r} is a {endpoint.role.value} endpoint, expected a stream endpoint")
        # Combined, so that every frame says which stream it belongs to: a bookTicker alone does not.
        return f"{endpoint.url}/stream"

    def session(self) -> BinanceSession:
        """A fresh session for a fresh connection."""
        return BinanceSession()

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

    def snapshot_request(self, instrument: InstrumentId) -> RestRequest:
        """Asks for `depth_limit` levels per side of a book."""
        return rest.depth_request(instrument.native, self.depth_limit)

    def parse_snapshot(self, instrument: InstrumentId, response: RestResponse) -> BookSnapshot:
        """The book in the answer.

        Raises:
            ExchangeRefused: the exchange answered with an error.
            BadFrame: the answer is not readable.
        """
        return rest.parse_depth(instrument, response)

    @property
    def feeds(self) -> Mapping[Feed, FeedRule]:
        """What it offers, and how."""
        return FEEDS

    def checksum(self, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        """Binance has none."""

    def fill_request(self, subscription: Subscription, after_id: int, before_id: int) -> RestRequest | None:
        """Asks for trades or aggregates from `after_id + 1` on, up to 1000; None: the feed is not numbered."""
        return fills.fill_request(subscription, after_id, before_id)

    def parse_fill(self, subscription: Subscription, response: RestResponse) -> Sequence[MarketEvent]:
        """Oldest first.

        Raises:
            ExchangeRefused: the exchange answered with an error.
            BadFrame: the answer is not readable.
        """
        return fills.parse_events(subscription, response)

    def poll_request(self, subscription: Subscription, after_id: int | None) -> RestRequest:
        """Asks for what this subscription would deliver; see `polls` for what that costs."""
        return polls.poll_request(subscription, after_id)

    def parse_poll(self, subscription: Subscription, response: RestResponse) -> Sequence[MarketEvent]:
        """Oldest first; of a whole book one BookSnapshot.

        Raises:
            ExchangeRefused: the exchange answered with an error.
            BadFrame: the answer is not readable.
        """
        return polls.parse_poll(subscription, response)

    def time_request(self) -> RestRequest | None:
        """Asks for the exchange's clock."""
        return rest.SERVER_TIME

    def parse_time(self, response: RestResponse) -> int:
        """Milliseconds since 1970. Raises ExchangeRefused or BadFrame."""
        return rest.parse_server_time(response)

    def refusal(self, response: RestResponse) -> ExchangeRefused | None:
        """The error that an answer is; None: it is none."""
        return rest.refusal(response)

    def used_weight(self, response: RestResponse) -> int | None:
        """What our address has spent in the running minute; None where the answer does not say."""
        return rest.used_weight(response)
