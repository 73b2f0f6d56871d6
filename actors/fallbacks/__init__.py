"""The evidence machines of the fallbacks: when each is put in force, and when it is lifted again. Pure: time is an argument.

switch       in force or not, by evidence that lasts; lifted later each time that it comes back at once
force        an operator's word over a switch
drought      for how long a link has delivered nothing, over its socket and at all
pressures    what is getting short
protocol     REST polling instead of the stream, and how often
rate         fewer, merged connections
partial      some subscriptions given up for the others, and which
cache        the last known values, marked as stale
endpoint     another endpoint than the preferred one
options      how patient they are
"""

from __future__ import annotations

from actors.fallbacks.cache import Cache as Cache
from actors.fallbacks.drought import Drought as Drought
from actors.fallbacks.endpoint import EndpointChoice as EndpointChoice
from actors.fallbacks.force import FallbackChange as FallbackChange
from actors.fallbacks.force import Force as Force
from actors.fallbacks.options import FallbackOptions as FallbackOptions
from actors.fallbacks.partial import Partial as Partial
from actors.fallbacks.partial import shed as shed
from actors.fallbacks.pressures import Pressures as Pressures
from actors.fallbacks.protocol import Polling as Polling
from actors.fallbacks.protocol import SocketEvidence as SocketEvidence
from actors.fallbacks.protocol import polling_interval as polling_interval
from actors.fallbacks.rate import Rate as Rate
from actors.fallbacks.switch import Patience as Patience
from actors.fallbacks.switch import Switch as Switch

__all__ = [
    "Cache",
    "Drought",
    "EndpointChoice",
    "FallbackChange",
    "FallbackOptions",
    "Force",
    "Partial",
    "Patience",
    "Polling",
    "Pressures",
    "Rate",
    "SocketEvidence",
    "Switch",
    "polling_interval",
    "shed",
]
