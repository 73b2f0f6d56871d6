"""Tools for testing trees: virtual time on both loops, and faults on purpose."""

from supervisor.testing.faults import PoisonError as PoisonError
from supervisor.testing.faults import await_restart as await_restart
from supervisor.testing.faults import crash as crash
from supervisor.testing.faults import kill as kill
from supervisor.testing.virtual_time import BACKENDS as BACKENDS
from supervisor.testing.virtual_time import virtual_backend as virtual_backend

__all__ = ["BACKENDS", "PoisonError", "await_restart", "crash", "kill", "virtual_backend"]
