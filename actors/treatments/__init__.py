"""What is done about an incident, one module per kind. Each gives its means, the mildest first; the worker goes through them.

book        a snapshot, or another subscription
trades      pages of what is missing
link        another connection, then another endpoint
endpoint    probes
stream      start what was parked
ban         wait, then one light request
clock       measure
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from actors.incidents import IncidentKind
from actors.treatments.ban import BanTreatment
from actors.treatments.book import BookTreatment
from actors.treatments.case import Case as Case
from actors.treatments.case import GivenUp as GivenUp
from actors.treatments.case import Means as Means
from actors.treatments.case import NobodyThere as NobodyThere
from actors.treatments.case import Treatment as Treatment
from actors.treatments.case import instrument_of as instrument_of
from actors.treatments.clock import ClockTreatment
from actors.treatments.endpoint import EndpointTreatment
from actors.treatments.link import LinkTreatment
from actors.treatments.stream import StreamTreatment
from actors.treatments.trades import TradesTreatment

__all__ = ["TREATMENTS", "Case", "GivenUp", "Means", "NobodyThere", "Treatment", "instrument_of"]

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
