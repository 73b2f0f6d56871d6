"""Supervision trees for Python: actors that crash alone, restart alone, and escalate when that does not help.

A tree is declared as specs and run by `run` or `open_supervisor`. Start reading at `restart.py`: it holds every decision.
"""

from supervisor.actor import Actor as Actor
from supervisor.backoff import Backoff as Backoff
from supervisor.backoff import BackoffKind as BackoffKind
from supervisor.context import ActorTimer as ActorTimer
from supervisor.context import Context as Context
from supervisor.context import Monitor as Monitor
from supervisor.context import Reply as Reply
from supervisor.embedding import open_supervisor as open_supervisor
from supervisor.embedding import run as run
from supervisor.errors import (
    ActorCrashed as ActorCrashed,
)
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
from supervisor.errors import (
    Hung as Hung,
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
    RestartIntensityExceeded as RestartIntensityExceeded,
)
from supervisor.errors import (
    SpecError as SpecError,
)
from supervisor.errors import (
    StartError as StartError,
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
from supervisor.events import (
    StartFailed as StartFailed,
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
from supervisor.handle import ChildCount as ChildCount
from supervisor.handle import ChildInfo as ChildInfo
from supervisor.handle import Supervisor as Supervisor
from supervisor.messages import (
    Asks as Asks,
)
from supervisor.messages import (
    Down as Down,
)
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
from supervisor.messages import (
    Up as Up,
)
from supervisor.ref import Ref as Ref
from supervisor.restart import Phase as Phase
from supervisor.secrets import Secret as Secret
from supervisor.secrets import redact as redact
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
from supervisor.store import MemoryStore as MemoryStore
from supervisor.store import Store as Store
from supervisor.telemetry import EventStream as EventStream
from supervisor.telemetry import LogSink as LogSink
from supervisor.telemetry import Sink as Sink
from supervisor.topics import Subscription as Subscription
from supervisor.topics import Topic as Topic

__all__ = [
    "KILL",
    "Actor",
    "ActorCrashed",
    "ActorSpec",
    "ActorTimer",
    "AskTimeout",
    "AskedSelf",
    "Asks",
    "AutoShutdown",
    "Backoff",
    "BackoffKind",
    "BadReply",
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
    "Down",
    "DynamicSupervisorSpec",
    "Event",
    "EventStream",
    "EventsSkipped",
    "Exhausted",
    "ExitReason",
    "Failed",
    "Gone",
    "HookFailed",
    "Hung",
    "Ignore",
    "Intensity",
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
    "OnRestart",
    "Overflow",
    "Pair",
    "Phase",
    "Ref",
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
    "SpecError",
    "StartError",
    "StartFailed",
    "Stop",
    "Store",
    "Strategy",
    "StrayCancellation",
    "Subscription",
    "Supervisor",
    "SupervisorError",
    "SupervisorGaveUp",
    "SupervisorSpec",
    "TaskSpec",
    "Topic",
    "TreeSnapshot",
    "TreeStarted",
    "TreeStopped",
    "Unstopped",
    "Up",
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
