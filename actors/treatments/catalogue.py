"""Which treatment an incident is given."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from actors.incidents import IncidentKind
from actors.treatments.ban import BanTreatment
from actors.treatments.book import BookTreatment
from actors.treatments.case import Treatment
from actors.treatments.clock import ClockTreatment
from actors.treatments.endpoint import EndpointTreatment
from actors.treatments.link import LinkTreatment
from actors.treatments.stream import StreamTreatment
from actors.treatments.trades import TradesTreatment

__all__ = ["TREATMENTS"]

TREATMENTS: Mapping[IncidentKind, type[Treatment]] = MappingProxyType(
    {
        IncidentKind.BOOK: BookTreatment,
        IncidentKind.TRADES: TradesTreatment,
        IncidentKind.LINK: LinkTreatment,
        IncidentKind.ENDPOINT: EndpointTreatment,
        IncidentKind.STREAM: StreamTreatment,
        IncidentKind.BAN: BanTreatment,
        IncidentKind.CLOCK: ClockTreatment,
    }
)
