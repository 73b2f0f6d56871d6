"""A nursery that does what the restart machine says, and the specs it is given."""

from __future__ import annotations

from collections import deque
from itertools import count
from typing import Any

from supervisor import decisions as d
from supervisor.exits import ExitReason, Failed, Killed, Normal, Shutdown
from supervisor.restart import Phase, RestartMachine
from supervisor.spec import (
    AutoShutdown,
    ChildSpec,
    DynamicSupervisorSpec,
    Intensity,
    Restart,
    Strategy,
    SupervisorSpec,
    TaskSpec,
)

PERMANENT, TRANSIENT, TEMPORARY = Restart
ONE_FOR_ONE, ONE_FOR_ALL, REST_FOR_ONE = Strategy
NEVER, ANY, ALL = AutoShutdown
BOOM = Failed(ValueError("boom"))
CTRL_C = Failed(KeyboardInterrupt())
CLEAN: list[ExitReason] = [Normal(), Shutdown(), Shutdown("done")]
CRASHES: list[ExitReason] = [BOOM, Killed()]
PLENTY = Intensity(100, 10.0)


async def idle() -> None: ...


def child(id: str, restart: Restart = PERMANENT, **more: Any) -> TaskSpec:
    return TaskSpec(id, idle, restart=restart, **more)


def top(*children: str | ChildSpec, **more: Any) -> SupervisorSpec:
    specs = [child(one) if isinstance(one, str) else one for one in children]
    return SupervisorSpec("top", specs, **{"intensity": PLENTY, **more})


def dynamic(**more: Any) -> DynamicSupervisorSpec:
    return DynamicSupervisorSpec("top", **{"intensity": PLENTY, **more})


class Nursery:
    """Does what the machine says, as well-behaved children would. Says what it did: `+a1` starts, `-a1` stops.

    Args:
        spec: the supervisor's.
        slow: keys of children that neither start nor stop by themselves.
    """

    def __init__(self, spec: SupervisorSpec | DynamicSupervisorSpec, *, slow: str = "", begin: bool = True) -> None:
        self.machine = RestartMachine(spec)
        self.now = 0.0
        self.slow = set(slow)
        self.failing: set[str] = set()
        self.ignoring: set[str] = set()
        self.asked: dict[object, str] = {}
        self.answers: dict[str, Exception | None] = {}
        self.finished: ExitReason | None = None
        self.effects: list[d.Effect] = []
        self._calls = count(1)
        self._events: deque[d.Event] = deque()
        self.begun = self.tell(d.Begin()) if begin else ""

    def tell(self, *events: d.Event, random: float = 0.5) -> str:
        """Tell the machine, and let everybody react; what was done, in words."""
        self._events.extend(events)
        asked = (event for event in events if isinstance(event, d.Add | d.Terminate | d.Resurrect | d.Delete))
        self.asked |= {event.call: event.key for event in asked}
        words: list[str] = []
        self.effects = []
        while self._events:
            for effect in self.machine.decide(self._events.popleft(), self.now, random):
                self.effects.append(effect)
                words.append(self._carry_out(effect))
        return " ".join(word for word in words if word)

    def _carry_out(self, effect: d.Effect) -> str:
        match effect:
            case d.StartLife(key, life):
                self._react_to_start(key, life)
                return f"+{key}{life}"
            case d.StopLife(key, life):
                if key not in self.slow:
                    self._events.append(d.Ended(key, life, Shutdown()))
                return f"-{key}{life}"
            case d.Wait(key, _, delay):
                return f"{key}:{delay:g}s"
            case d.Cancel(key):
                return f"{key}:cancel"
            case d.Close(key, forget):
                assert forget in (True, False)
                return f"{'forget' if forget else 'close'}:{key}"
            case d.Answer(call, key, error):
                self._check_answer(call, key, error)
                self.answers[str(call)] = error
                return ""
            case d.GaveUp(key):
                return f"gave-up:{key}"
            case d.Ready():
                return "ready"
            case d.Finish(reason):
                self.finished = reason
                return f"finish:{reason}"
            case _:
                return ""

    def _check_answer(self, call: object, key: str, error: Any) -> None:
        assert self.asked[call] == key, "the answer is about the child that was asked for"
        assert str(call) not in self.answers, "answered once"
        assert error is None or error.path in ("top", f"top/{key}"), "an error says about whom it is"
        assert getattr(error, "child", key) == key

    def _react_to_start(self, key: str, life: int) -> None:
        if key in self.failing:
            self._events.append(d.Ended(key, life, BOOM))
        elif key in self.ignoring:
            self._events.append(d.Ignored(key, life))
        elif key not in self.slow:
            self._events.append(d.Started(key, life))

    def life(self, key: str) -> int:
        return self.machine.children[key].life

    def ends(self, key: str, reason: ExitReason = BOOM, **more: Any) -> str:
        return self.tell(d.Ended(key, self.life(key), reason), **more)

    def starts(self, key: str) -> str:
        return self.tell(d.Started(key, self.life(key)))

    def overruns(self, key: str) -> str:
        return self.tell(d.Overdue(key, self.life(key), "its stack"))

    def due(self, key: str) -> str:
        return self.tell(d.Due(key, self.life(key)))

    def stop(self, reason: ExitReason | None = None) -> str:
        return self.tell(d.StopSupervisor(reason or Shutdown()))

    def add(self, key: str, restart: Restart = PERMANENT, **more: Any) -> str:
        return self.tell(d.Add(key, child(key, restart, **more), self.new_call()))

    def terminate(self, key: str) -> str:
        return self.tell(d.Terminate(key, self.new_call()))

    def resurrect(self, key: str) -> str:
        return self.tell(d.Resurrect(key, self.new_call()))

    def delete(self, key: str) -> str:
        return self.tell(d.Delete(key, self.new_call()))

    def abandon(self, key: str) -> str:
        return self.tell(d.Abandon(key, self.call))

    def new_call(self) -> str:
        self.call = f"call {next(self._calls)}"
        return self.call

    @property
    def answer(self) -> Exception | str | None:
        """What the last call was answered: None for done, `waits` for nothing yet."""
        return self.answers.get(self.call, "waits")

    @property
    def running(self) -> str:
        return " ".join(f"{key}{one.life}" for key, one in self.machine.children.items() if one.phase is Phase.RUNNING)

    @property
    def phases(self) -> dict[str, str]:
        return {key: one.phase.value for key, one in self.machine.children.items()}


COMES_BACK = {
    # item: 26 permanent, 27 and 28 transient, 29 temporary
    (PERMANENT, "clean"): "+a2",
    (PERMANENT, "crash"): "+a2",
    (TRANSIENT, "clean"): "close:a",
    (TRANSIENT, "crash"): "+a2",
    (TEMPORARY, "clean"): "forget:a",
    (TEMPORARY, "crash"): "forget:a",
}
