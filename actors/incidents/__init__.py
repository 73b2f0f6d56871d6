"""Incidents, without a clock: which reports are about the same one, what is tried when, and when it is given up.

kinds         what an incident is
strategies    what is tried, by the class of the error
book          all of them: open, waiting, closed
"""

from actors.incidents.kinds import BookLimits as BookLimits
from actors.incidents.kinds import Incident as Incident
from actors.incidents.kinds import IncidentKey as IncidentKey
from actors.incidents.kinds import IncidentKind as IncidentKind
from actors.incidents.kinds import IncidentRecord as IncidentRecord
from actors.incidents.kinds import PastIncident as PastIncident
from actors.incidents.kinds import RecoveryStrategy as RecoveryStrategy
from actors.incidents.kinds import RememberedIncidents as RememberedIncidents

__all__ = [
    "BookLimits",
    "Incident",
    "IncidentKey",
    "IncidentKind",
    "IncidentRecord",
    "PastIncident",
    "RecoveryStrategy",
    "RememberedIncidents",
]
