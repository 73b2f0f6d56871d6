"""What an exchange does not have: an adapter inherits it and writes down only what there is."""

from __future__ import annotations

from collections.abc import Sequence

from actors.errors import BadFrame
from actors.market import BookSnapshot, InstrumentId, Level, MarketEvent, Subscription
from actors.ports import Endpoint, RestRequest, RestResponse

__all__ = ["ExchangeDefaults"]


class ExchangeDefaults:
    """The optional half of `actors.ports.Exchange`, for an exchange that has none of it.

    To be written: `venue`, `limits`, `feeds`, `endpoints`, `instrument`, `session`, `symbols_request`, `parse_symbols` and
    `refusal`. Who has more overrides the question together with its `parse_...`: a request whose answer nobody reads raises
    BadFrame.
    """

    __slots__ = ()

    def stream_url(self, endpoint: Endpoint) -> str:
        """The endpoint's own address."""
        return endpoint.url

    def snapshot_request(self, instrument: InstrumentId) -> RestRequest | None:
        """None: the stream itself sends a whole book after each subscription."""
        return None

    def parse_snapshot(self, instrument: InstrumentId, response: RestResponse) -> BookSnapshot:
        """Raises BadFrame: nobody asked."""
        raise _unread("parse_snapshot", response)

    def checksum(self, bids: Sequence[Level], asks: Sequence[Level]) -> int | None:
        """None: there is none."""
        return None

    def fill_request(self, subscription: Subscription, after_id: int, before_id: int) -> RestRequest | None:
        """None: what was missed stays missed."""
        return None

    def parse_fill(self, subscription: Subscription, response: RestResponse) -> Sequence[MarketEvent]:
        """Raises BadFrame: nobody asked."""
        raise _unread("parse_fill", response)

    def poll_request(self, subscription: Subscription, after_id: int | None) -> RestRequest | None:
        """None: without a stream there is no data."""
        return None

    def parse_poll(self, subscription: Subscription, response: RestResponse) -> Sequence[MarketEvent]:
        """Raises BadFrame: nobody asked."""
        raise _unread("parse_poll", response)

    def time_request(self) -> RestRequest | None:
        """None: the exchange's clock is not asked."""
        return None

    def parse_time(self, response: RestResponse) -> int:
        """Raises BadFrame: nobody asked."""
        raise _unread("parse_time", response)

    def used_weight(self, response: RestResponse) -> int | None:
        """None: answers do not say what was spent."""
        return None


def _unread(method: str, response: RestResponse) -> BadFrame:
    return BadFrame(f"write {method} beside its request: nobody here reads such an answer", response.body)
