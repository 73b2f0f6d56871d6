"""Tools for testing trees.

time and order     virtual_backend, run_seeded, explore, assert_deterministic, trace_of, note
trees and actors   open_tree, Probe, state_of, replace_state
faults             crash, kill, await_restart
what is left       leaks
pytest             `pytest_plugins = ["supervisor.testing.pytest_plugin"]`; nothing else here imports pytest
"""

from supervisor.testing.exploring import assert_deterministic as assert_deterministic
from supervisor.testing.exploring import explore as explore
from supervisor.testing.exploring import run_seeded as run_seeded
from supervisor.testing.exploring import trace_of as trace_of
from supervisor.testing.faults import PoisonError as PoisonError
from supervisor.testing.faults import await_restart as await_restart
from supervisor.testing.faults import crash as crash
from supervisor.testing.faults import kill as kill
from supervisor.testing.leakage import Leaked as Leaked
from supervisor.testing.leakage import leaks as leaks
from supervisor.testing.private import CannotSeed as CannotSeed
from supervisor.testing.probes import Heard as Heard
from supervisor.testing.probes import NotReceived as NotReceived
from supervisor.testing.probes import Probe as Probe
from supervisor.testing.probes import Unanswered as Unanswered
from supervisor.testing.seeding import NotDeterministic as NotDeterministic
from supervisor.testing.seeding import SeededRun as SeededRun
from supervisor.testing.seeding import note as note
from supervisor.testing.states import replace_state as replace_state
from supervisor.testing.states import state_of as state_of
from supervisor.testing.trees import OpenTree as OpenTree
from supervisor.testing.trees import open_tree as open_tree
from supervisor.testing.virtual_time import BACKENDS as BACKENDS
from supervisor.testing.virtual_time import SeededTrio as SeededTrio
from supervisor.testing.virtual_time import VirtualTimeLoop as VirtualTimeLoop
from supervisor.testing.virtual_time import virtual_backend as virtual_backend

__all__ = [
    "BACKENDS",
    "CannotSeed",
    "Heard",
    "Leaked",
    "NotDeterministic",
    "NotReceived",
    "OpenTree",
    "PoisonError",
    "Probe",
    "SeededRun",
    "SeededTrio",
    "Unanswered",
    "VirtualTimeLoop",
    "assert_deterministic",
    "await_restart",
    "crash",
    "explore",
    "kill",
    "leaks",
    "note",
    "open_tree",
    "replace_state",
    "run_seeded",
    "state_of",
    "trace_of",
    "virtual_backend",
]
