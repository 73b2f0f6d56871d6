"""What is done about an incident, one module per kind. Each gives its means, the mildest first; the worker goes through them.

book        a snapshot, or another subscription
trades      pages of what is missing
link        another connection, then another endpoint
endpoint    probes
stream      start what was parked
ban         wait, then one light request
clock       measure
catalogue   which of them an incident is given
"""

from actors.treatments.case import Case as Case
from actors.treatments.case import GivenUp as GivenUp
from actors.treatments.case import Means as Means
from actors.treatments.case import NobodyThere as NobodyThere
from actors.treatments.case import Treatment as Treatment
from actors.treatments.case import instrument_of as instrument_of
from actors.treatments.catalogue import TREATMENTS as TREATMENTS

__all__ = ["TREATMENTS", "Case", "GivenUp", "Means", "NobodyThere", "Treatment", "instrument_of"]
