"""Supervision trees for Python: actors that crash alone, restart alone, and escalate when that does not help.

A tree is declared as specs and run by `run` or `open_supervisor`. Start reading at `restart.py`: it holds every decision.
"""

from supervisor.actor import Actor as Actor
from supervisor.backoff import Backoff as Backoff
from supervisor.backoff import BackoffKind as BackoffKind
from supervisor.context import Context as Context
from supervisor.diagnostics import DEBUG as DEBUG
from supervisor.diagnostics import Diagnostics as Diagnostics
from supervisor.embedding import open_supervisor as open_supervisor
from supervisor.embedding import run as run
from supervisor.errors import (
    ActorCrashed as ActorCrashed,
)
from supervisor.errors import (
    AlreadyRegistered as AlreadyRegistered,
)
from supervisor.errors import AskCycle as AskCycle
from supervisor.errors import (
    AskedSelf as AskedSelf,
)
from supervisor.errors import (
    AskTimeout as AskTimeout,
)
from supervisor.errors import (
    BadReply as BadReply,
)
from supervisor.errors import (
    BadState as BadState,
)
from supervisor.errors import (
    ChildAlreadyPresent as ChildAlreadyPresent,
)
from supervisor.errors import (
    ChildAlreadyStarted as ChildAlreadyStarted,
)
from supervisor.errors import (
    ChildNotFound as ChildNotFound,
)
from supervisor.errors import (
    ChildRestarting as ChildRestarting,
)
from supervisor.errors import (
    ChildRunning as ChildRunning,
)
from supervisor.errors import Draining as Draining
from supervisor.errors import (
    Hung as Hung,
)
from supervisor.errors import (
    JobTimeout as JobTimeout,
)
from supervisor.errors import (
    MailboxFull as MailboxFull,
)
from supervisor.errors import (
    MaxChildrenReached as MaxChildrenReached,
)
from supervisor.errors import (
    NameTaken as NameTaken,
)
from supervisor.errors import (
    NoSuchActor as NoSuchActor,
)
from supervisor.errors import (
    NotRegistered as NotRegistered,
)
from supervisor.errors import (
    PoolEmpty as PoolEmpty,
)
from supervisor.errors import (
    RestartIntensityExceeded as RestartIntensityExceeded,
)
from supervisor.errors import (
    SpecError as SpecError,
)
from supervisor.errors import (
    StartError as StartError,
)
from supervisor.errors import (
    StoreCorrupt as StoreCorrupt,
)
from supervisor.errors import (
    StoreError as StoreError,
)
from supervisor.errors import (
    StoreFailed as StoreFailed,
)
from supervisor.errors import (
    StoreInUse as StoreInUse,
)
from supervisor.errors import (
    StoreTooNew as StoreTooNew,
)
from supervisor.errors import (
    StrayCancellation as StrayCancellation,
)
from supervisor.errors import (
    SupervisorError as SupervisorError,
)
from supervisor.errors import (
    Unstopped as Unstopped,
)
from supervisor.events import (
    ChildEnded as ChildEnded,
)
from supervisor.events import (
    ChildGaveUp as ChildGaveUp,
)
from supervisor.events import (
    ChildStarted as ChildStarted,
)
from supervisor.events import (
    DeadLetter as DeadLetter,
)
from supervisor.events import (
    Event as Event,
)
from supervisor.events import (
    EventsSkipped as EventsSkipped,
)
from supervisor.events import HandlerResumed as HandlerResumed
from supervisor.events import (
    HookFailed as HookFailed,
)
from supervisor.events import (
    LifeUnstopped as LifeUnstopped,
)
from supervisor.events import (
    MailboxOverflow as MailboxOverflow,
)
from supervisor.events import (
    RestartScheduled as RestartScheduled,
)
from supervisor.events import (
    SinkFailed as SinkFailed,
)
from supervisor.events import SlowHandler as SlowHandler
from supervisor.events import (
    StartFailed as StartFailed,
)
from supervisor.events import (
    StateDiscarded as StateDiscarded,
)
from supervisor.events import (
    StateRestored as StateRestored,
)
from supervisor.events import (
    StoreFailing as StoreFailing,
)
from supervisor.events import (
    SupervisorGaveUp as SupervisorGaveUp,
)
from supervisor.events import (
    TreeStarted as TreeStarted,
)
from supervisor.events import (
    TreeStopped as TreeStopped,
)
from supervisor.exits import (
    ExitReason as ExitReason,
)
from supervisor.exits import (
    Failed as Failed,
)
from supervisor.exits import (
    Ignore as Ignore,
)
from supervisor.exits import (
    Killed as Killed,
)
from supervisor.exits import (
    Normal as Normal,
)
from supervisor.exits import (
    Shutdown as Shutdown,
)
from supervisor.exits import (
    Stop as Stop,
)
from supervisor.exits import StopTree as StopTree
from supervisor.exits import TreeStop as TreeStop
from supervisor.handle import ChildCount as ChildCount
from supervisor.handle import ChildInfo as ChildInfo
from supervisor.handle import Supervisor as Supervisor
from supervisor.jobs.job import Done as Done
from supervisor.jobs.job import Job as Job
from supervisor.jobs.job import Outcome as Outcome
from supervisor.jobs.job import TimedOut as TimedOut
from supervisor.jobs.job_stream import JobStream as JobStream
from supervisor.jobs.job_stream import OnTimeout as OnTimeout
from supervisor.jobs.tasks import Tasks as Tasks
from supervisor.mailbox import Reply as Reply
from supervisor.messages import (
    Asks as Asks,
)
from supervisor.messages import (
    Down as Down,
)
from supervisor.messages import Exit as Exit
from supervisor.messages import (
    Gone as Gone,
)
from supervisor.messages import (
    Message as Message,
)
from supervisor.messages import (
    Pair as Pair,
)
from supervisor.messages import (
    Request as Request,
)
from supervisor.messages import (
    Skipped as Skipped,
)
from supervisor.messages import Undelivered as Undelivered
from supervisor.messages import (
    Up as Up,
)
from supervisor.policies import OnError as OnError
from supervisor.pool import Pool as Pool
from supervisor.pool import PoolHandle as PoolHandle
from supervisor.pool import PoolSpec as PoolSpec
from supervisor.ref import Ref as Ref
from supervisor.registries.key_lock import KeyLock as KeyLock
from supervisor.registries.registry import (
    DuplicateRegistry as DuplicateRegistry,
)
from supervisor.registries.registry import (
    Registered as Registered,
)
from supervisor.registries.registry import (
    Registry as Registry,
)
from supervisor.registries.registry import (
    Unregistered as Unregistered,
)
from supervisor.registries.registry_view import Registrar as Registrar
from supervisor.registries.registry_view import RegistryView as RegistryView
from supervisor.restart import Phase as Phase
from supervisor.secrets import Secret as Secret
from supervisor.secrets import redact as redact
from supervisor.signals import ActorTimer as ActorTimer
from supervisor.signals import Monitor as Monitor
from supervisor.snapshot import ChildSnapshot as ChildSnapshot
from supervisor.snapshot import TreeSnapshot as TreeSnapshot
from supervisor.spec import (
    KILL as KILL,
)
from supervisor.spec import (
    ActorSpec as ActorSpec,
)
from supervisor.spec import (
    AutoShutdown as AutoShutdown,
)
from supervisor.spec import (
    ChildSpec as ChildSpec,
)
from supervisor.spec import (
    Conflate as Conflate,
)
from supervisor.spec import (
    DynamicSupervisorSpec as DynamicSupervisorSpec,
)
from supervisor.spec import (
    Exhausted as Exhausted,
)
from supervisor.spec import (
    Intensity as Intensity,
)
from supervisor.spec import (
    Kill as Kill,
)
from supervisor.spec import (
    Mailbox as Mailbox,
)
from supervisor.spec import (
    Name as Name,
)
from supervisor.spec import (
    OnRestart as OnRestart,
)
from supervisor.spec import (
    Overflow as Overflow,
)
from supervisor.spec import (
    Restart as Restart,
)
from supervisor.spec import (
    Scope as Scope,
)
from supervisor.spec import (
    Strategy as Strategy,
)
from supervisor.spec import (
    SupervisorSpec as SupervisorSpec,
)
from supervisor.spec import (
    TaskSpec as TaskSpec,
)
from supervisor.spec import (
    check_children as check_children,
)
from supervisor.sqlite_store import SqliteStore as SqliteStore
from supervisor.store import DurableStore as DurableStore
from supervisor.store import MemoryStore as MemoryStore
from supervisor.store import Store as Store
from supervisor.telemetry import EventStream as EventStream
from supervisor.telemetry import LogSink as LogSink
from supervisor.telemetry import Sink as Sink
from supervisor.threads.blocking import (
    BlockingChildInfo as BlockingChildInfo,
)
from supervisor.threads.blocking import (
    BlockingRef as BlockingRef,
)
from supervisor.threads.blocking import (
    BlockingSupervisor as BlockingSupervisor,
)
from supervisor.threads.blocking import (
    background as background,
)
from supervisor.threads.blocking_reader import BlockingReader as BlockingReader
from supervisor.topics import DEAD_LETTERS as DEAD_LETTERS
from supervisor.topics import Subscription as Subscription
from supervisor.topics import Topic as Topic

__all__ = [
    "DEAD_LETTERS",
    "DEBUG",
    "KILL",
    "Actor",
    "ActorCrashed",
    "ActorSpec",
    "ActorTimer",
    "AlreadyRegistered",
    "AskCycle",
    "AskTimeout",
    "AskedSelf",
    "Asks",
    "AutoShutdown",
    "Backoff",
    "BackoffKind",
    "BadReply",
    "BadState",
    "BlockingChildInfo",
    "BlockingReader",
    "BlockingRef",
    "BlockingSupervisor",
    "ChildAlreadyPresent",
    "ChildAlreadyStarted",
    "ChildCount",
    "ChildEnded",
    "ChildGaveUp",
    "ChildInfo",
    "ChildNotFound",
    "ChildRestarting",
    "ChildRunning",
    "ChildSnapshot",
    "ChildSpec",
    "ChildStarted",
    "Conflate",
    "Context",
    "DeadLetter",
    "Diagnostics",
    "Done",
    "Down",
    "Draining",
    "DuplicateRegistry",
    "DurableStore",
    "DynamicSupervisorSpec",
    "Event",
    "EventStream",
    "EventsSkipped",
    "Exhausted",
    "Exit",
    "ExitReason",
    "Failed",
    "Gone",
    "HandlerResumed",
    "HookFailed",
    "Hung",
    "Ignore",
    "Intensity",
    "Job",
    "JobStream",
    "JobTimeout",
    "KeyLock",
    "Kill",
    "Killed",
    "LifeUnstopped",
    "LogSink",
    "Mailbox",
    "MailboxFull",
    "MailboxOverflow",
    "MaxChildrenReached",
    "MemoryStore",
    "Message",
    "Monitor",
    "Name",
    "NameTaken",
    "NoSuchActor",
    "Normal",
    "NotRegistered",
    "OnError",
    "OnRestart",
    "OnTimeout",
    "Outcome",
    "Overflow",
    "Pair",
    "Phase",
    "Pool",
    "PoolEmpty",
    "PoolHandle",
    "PoolSpec",
    "Ref",
    "Registered",
    "Registrar",
    "Registry",
    "RegistryView",
    "Reply",
    "Request",
    "Restart",
    "RestartIntensityExceeded",
    "RestartScheduled",
    "Scope",
    "Secret",
    "Shutdown",
    "Sink",
    "SinkFailed",
    "Skipped",
    "SlowHandler",
    "SpecError",
    "SqliteStore",
    "StartError",
    "StartFailed",
    "StateDiscarded",
    "StateRestored",
    "Stop",
    "StopTree",
    "Store",
    "StoreCorrupt",
    "StoreError",
    "StoreFailed",
    "StoreFailing",
    "StoreInUse",
    "StoreTooNew",
    "Strategy",
    "StrayCancellation",
    "Subscription",
    "Supervisor",
    "SupervisorError",
    "SupervisorGaveUp",
    "SupervisorSpec",
    "TaskSpec",
    "Tasks",
    "TimedOut",
    "Topic",
    "TreeSnapshot",
    "TreeStarted",
    "TreeStop",
    "TreeStopped",
    "Undelivered",
    "Unregistered",
    "Unstopped",
    "Up",
    "background",
    "check_children",
    "open_supervisor",
    "redact",
    "run",
]


def _repair_modules() -> None:
    """Let tracebacks and pickles name the public place, so that files can move. Unions have no module to repair."""
    for name in __all__:
        if isinstance(globals()[name], type) or hasattr(globals()[name], "__code__"):
            globals()[name].__module__ = __name__


_repair_modules()
