"""All that keeps a bot alive behind one object.

facade      FaultTolerance
questions   what the actors are asked
health      what is told of the bot's health
venues      the exchanges of a tree
"""

from actors.fault_tolerance.facade import FaultTolerance as FaultTolerance
from actors.fault_tolerance.health import HealthCheck as HealthCheck
from actors.fault_tolerance.health import SystemHealth as SystemHealth
from actors.fault_tolerance.health import VenueHealth as VenueHealth
from actors.fault_tolerance.venues import NoSuchVenue as NoSuchVenue

__all__ = ["FaultTolerance", "HealthCheck", "NoSuchVenue", "SystemHealth", "VenueHealth"]
