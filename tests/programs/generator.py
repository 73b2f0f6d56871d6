"""A seed makes a program. Every number comes from one `random.Random(seed)`, so that a seed is a program for ever."""

from __future__ import annotations

import math
from random import Random
from typing import Any

from attrs import evolve

from supervisor import (
    KILL,
    AutoShutdown,
    Backoff,
    BackoffKind,
    Conflate,
    Exhausted,
    Intensity,
    Mailbox,
    Name,
    OnError,
    OnRestart,
    Overflow,
    Restart,
    Strategy,
)
from supervisor.spec import Scope
from tests.programs.mail import key_of
from tests.programs.mistakes import EscalatedError, ForgivenError, ParkedError, ProgramError
from tests.programs.program import (
    ActorNode,
    Driver,
    End,
    Node,
    Program,
    Run,
    Start,
    Step,
    SupervisorNode,
    TaskNode,
    Word,
)
from tests.programs.words import FIRST

__all__ = ["generate"]

RESTARTS = [Restart.PERMANENT] * 6 + [Restart.TRANSIENT] * 3 + [Restart.TEMPORARY]
MOMENTS = (0.0, 0.0, 0.0, 0.1, 0.5, 1.0, 2.0)
"""Few distinct numbers, so that things happen in one moment often."""
WORDS = (
    ("nothing", 10), ("sleep", 4), ("crash", 4), ("stop", 2), ("ignore", 1), ("slow crash", 2), ("stubborn", 1),
    ("spawn", 2), ("spawn crash", 1), ("spawn stubborn", 1), ("after", 2), ("every", 1), ("cancel timers", 1),
    ("tell", 4), ("send", 2), ("ask", 3), ("later", 2), ("monitor", 3), ("watch", 3), ("unwatch", 1),
    ("subscribe", 2), ("unsubscribe", 1), ("publish", 2), ("lookup", 1), ("start child", 1), ("terminate sibling", 1),
    ("forgiven", 3), ("slow forgiven", 1), ("parked", 2), ("escalated", 1), ("stop tree", 1), ("link", 5), ("unlink", 1),
    ("trap", 2), ("idle", 3), ("remember", 3), ("recall", 1), ("forget", 1), ("register", 3), ("unregister", 1), ("find", 1),
)  # fmt: skip
VERBS = (
    ("tell", 12), ("burst", 3), ("send", 5), ("ask", 9), ("crash", 6), ("kill", 4), ("stop", 3),
    ("start child", 7), ("terminate", 6), ("restart", 6), ("delete", 2), ("publish", 1), ("listen", 1), ("look", 2),
    ("await restart", 1), ("drain", 3),
)  # fmt: skip

THEMES: dict[str, tuple[tuple[str, int], ...]] = {
    "anything": (),
    "rules": (("forgiven", 60), ("slow forgiven", 15), ("parked", 40), ("escalated", 60), ("tell", 20)),
    "bonds": (("link", 60), ("trap", 80), ("crash", 50)),
    "requests": (("stop tree", 80), ("tell", 20)),
    "state": (("remember", 16), ("crash", 10), ("register", 8)),
    "drains": (("sleep", 60), ("drain", 40), ("burst", 60)),
    "significance": (("stop", 80), ("tell", 20)),
    "quiet": (("idle", 16), ("nothing", 10)),
}
"""What a program is mostly about: words and verbs that come more often. Otherwise what is rare would hardly ever meet."""
NESTED = ("requests", "significance")
"""Themes of supervisors below supervisors."""
_FIRST = {"after", "every", "spawn", "monitor", "watch", "subscribe", "tell"}


def generate(seed: int) -> Program:
    """The program of a seed."""
    return _Generator(seed).program()


class _Generator:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(seed)
        more = ["rules", "bonds", "significance", "requests", "drains"] * 2 + ["state", "quiet"]
        self.theme = self.random.choice([*THEMES, *more])
        self.words = self.themed(WORDS)
        self.verbs = self.themed(VERBS)
        self.count = 0
        self.actors: list[str] = []
        self.workers: list[str] = []
        self.supervisors: list[str] = []
        self.dynamic: list[str] = []
        self.names = 0
        self.pools: dict[str, int] = {}
        """Name and path of each, and its size."""

    def program(self) -> Program:
        size = self.random.choice((3, 5, 8, 12))
        tree = self.supervisor("root", "", depth=0, budget=[size])
        drivers = tuple(self.driver(f"driver {n}") for n in range(self.random.randint(1, 4)))
        end = self.pick((("quiet", 6), ("leave", 2), ("error", 1), ("cancel", 2)))
        deadline = self.random.choice((None, None, None, 0.0, 2.0, 10.0))
        return Program(self.seed, tree, drivers, end, self.random.choice((0.0, 0.5, 1.5, 3.0, 6.0)), deadline)

    # ---- the tree

    def supervisor(self, id: str, above: str, *, depth: int, budget: list[int]) -> SupervisorNode:
        path = f"{above}/{id}" if above else id
        dynamic = depth > 0 and self.random.random() < 0.3
        heeds = self.random.random() < (0.1 if not depth else 0.9 if self.theme == "significance" else 0.6)
        auto = self.random.choice(list(AutoShutdown)) if heeds else AutoShutdown.NEVER
        options: dict[str, Any] = {"intensity": self.intensity(root=depth == 0), "auto_shutdown": auto}
        if self.random.random() < 0.1:
            options["scoped"] = True
        if self.random.random() < (0.1 if not depth else 0.9 if self.theme == "requests" else 0.4):
            options["contains_stop"] = True
        if depth:
            options |= self.common(shutdown=(math.inf, math.inf, math.inf, 0.5, 0.0, KILL), auto=AutoShutdown.NEVER)
            self.workers.append(path)
            self.supervisors.append(path)
        if dynamic:
            self.dynamic.append(path)
            if self.random.random() < 0.3:
                options["max_children"] = self.random.randint(1, 4)
            return SupervisorNode(id, options, dynamic=True)
        if depth and self.random.random() < 0.3:
            return self.pool(id, path, options)
        options["strategy"] = self.random.choice(list(Strategy))
        children: list[Node] = []
        for _ in range(self.random.randint(1, 5)):
            if budget[0] <= 0 and depth:
                break
            budget[0] -= 1
            if depth < 3 and self.random.random() < (0.3, 0.25, 0.2)[depth] + 0.3 * (self.theme in NESTED):
                children.append(self.supervisor(self.id("s"), path, depth=depth + 1, budget=budget))
            else:
                children.append(self.worker(path, auto))
        return SupervisorNode(id, options, tuple(children))

    def pool(self, id: str, path: str, options: dict[str, Any]) -> SupervisorNode:
        options.pop("scoped", None)  # it is found from the root
        model = self.actor(AutoShutdown.NEVER, added=False)
        given = {key: value for key, value in model.options.items() if key != "name"}
        if given["restart"] is Restart.TEMPORARY:
            given["restart"] = Restart.TRANSIENT
        members = tuple(
            evolve(model, id=str(number), script=f"{model.id}.{number}", options=given)
            for number in range(self.random.randint(1, 3))
        )
        self.workers += [f"{path}/{member.id}" for member in members]
        self.actors += [f"{path}/{member.id}" for member in members]
        name = f"pool {id}".replace(" ", "-")
        self.pools[f"{name} {path}"] = len(members)
        return SupervisorNode(id, options | {"strategy": Strategy.ONE_FOR_ONE}, members, pool=name)

    def worker(self, above: str, auto: AutoShutdown, *, added: bool = False) -> ActorNode | TaskNode:
        kind = self.task if self.random.random() < 0.25 else self.actor
        node = kind(auto, added=added)
        self.workers.append(f"{above}/{node.id}")
        if isinstance(node, ActorNode):
            self.actors.append(f"{above}/{node.id}")
        return node

    def actor(self, auto: AutoShutdown, *, added: bool) -> ActorNode:
        options = self.common(shutdown=(5.0, 5.0, 1.0, 0.2, 0.0, math.inf, KILL), auto=auto, resumes=True)
        if self.random.random() < 0.6:
            options["mailbox"] = self.mailbox()
        if self.random.random() < 0.2:
            self.names += 1
            options["name"] = Name(f"n{self.names}")
        if self.random.random() < 0.1:
            options["start_timeout"] = 0.7
        if self.random.random() < 0.15:
            options["watchdog"] = 0.7
        trouble = self.random.random()
        starts = self.some(self.start, 3 if trouble < 0.4 else 0, good_first=not added and trouble > 0.04)
        ends = self.some(self.end, 3 if self.random.random() < 0.4 else 0)
        busy = self.theme in ("bonds", "state", "quiet")
        first = tuple(self.word() for _ in range(self.random.choice((0, 1, 3, 6) if busy else (0, 0, 0, 1, 2))))
        first = tuple(word for word in first if word.kind in FIRST or word.kind in _FIRST)
        return ActorNode(self.id("a"), options, starts, ends, first, self.random.random() < 0.5)

    def task(self, auto: AutoShutdown, *, added: bool) -> TaskNode:
        options = self.common(shutdown=(5.0, 1.0, 0.0, math.inf, KILL), auto=auto)
        says_ready = self.random.random() < 0.4
        runs = self.some(self.run, self.random.choice((0, 1, 3)), good_first=says_ready and not added)
        return TaskNode(self.id("t"), options, runs, says_ready)

    def common(self, *, shutdown: tuple[Any, ...], auto: AutoShutdown, resumes: bool = False) -> dict[str, Any]:
        restart = self.random.choice(RESTARTS if auto is AutoShutdown.NEVER else RESTARTS[4:])
        options: dict[str, Any] = {"restart": restart, "shutdown": self.random.choice(shutdown)}
        if auto is not AutoShutdown.NEVER and restart is not Restart.PERMANENT and self.random.random() < 0.8:
            options["significant"] = True
        if self.random.random() < (0.9 if self.theme == "rules" else 0.3):
            options["on_error"] = self.rules(resumes=resumes)
        if self.random.random() < 0.3:
            give_up_after = self.random.choice((None, None, 2))
            options["backoff"] = Backoff(
                initial=self.random.choice((0.1, 0.5, 1.0)), maximum=2.0, kind=self.random.choice(list(BackoffKind)),
                jitter=self.random.choice((0.0, 0.1)), give_up_after=give_up_after,
            )  # fmt: skip
        return options

    def rules(self, *, resumes: bool) -> dict[type[ProgramError], OnError]:
        rules: dict[type[ProgramError], OnError] = {ParkedError: OnError.STOP}
        if resumes:
            rules[ForgivenError] = OnError.RESUME
        if self.theme == "rules" or self.random.random() < 0.3:
            rules[EscalatedError] = OnError.ESCALATE
        if self.random.random() < 0.2:
            rules[ProgramError] = self.random.choice((OnError.RESTART, OnError.RESTART, OnError.STOP))
        return rules

    def intensity(self, *, root: bool) -> Intensity:
        lives_on = root and self.random.random() < 0.7
        restarts = 100 if lives_on else self.random.choice((0, 1, 1, 2, 3, 5))
        scope = self.random.choice((Scope.SUPERVISOR, Scope.SUPERVISOR, Scope.CHILD))
        exhausted = self.random.choice((Exhausted.ESCALATE, Exhausted.ESCALATE, Exhausted.GIVE_UP))
        return Intensity(restarts, self.random.choice((1.0, 5.0, 10.0)), scope, exhausted)

    def mailbox(self) -> Mailbox:
        overflow = self.random.choice((*Overflow, Conflate(key_of)))
        return Mailbox(self.random.choice((1, 2, 3, 100)), overflow, self.random.choice(list(OnRestart)))

    def start(self) -> Start:
        kind = self.pick(
            (("ok", 4), ("slow", 3), ("fail", 4), ("slow fail", 2), ("ignore", 1), ("factory", 1), ("stubborn", 1))
        )
        return Start(kind, self.moment(0.1, 0.5, 1.0))

    def end(self) -> End:
        return End(self.pick((("ok", 3), ("slow", 4), ("fail", 2), ("stubborn", 2))), self.moment(0.1, 0.5, 1.5, 3.0))

    def run(self) -> Run:
        kind = self.pick((("forever", 2), ("return", 3), ("fail", 3), ("parked", 1), ("escalated", 1), ("stubborn", 2)))
        return Run(kind, self.moment(0.0, 0.0, 0.5, 2.0), self.moment(0.0, 0.0, 0.3, 1.0))

    # ---- what people outside do

    def driver(self, name: str) -> Driver:
        return Driver(name, tuple(self.step() for _ in range(self.random.choice((4, 8, 14)))))

    def step(self) -> Step:
        verb = self.pick(self.verbs)
        to_an_actor = verb in ("tell", "burst", "send", "ask") or (verb == "drain" and self.theme == "drains")
        target = self.random.choice(self.actors if to_an_actor and self.actors else self.anyone())
        node = None
        if self.pools and self.random.random() < 0.2:
            verb, target = self.random.choice(("pool tell", "pool tell", "pool resize")), self.random.choice(list(self.pools))
        if verb == "start child":
            target, node = self.place_for_more()
        return Step(
            self.random.choice(MOMENTS), verb, target, self.word(),
            timeout=self.random.choice((0.0, 0.3, 1.0, 1.0, 5.0, None)),
            give_up=self.random.choice((None, None, None, 0.0, 0.2, 1.0)),
            count=self.count_of(verb, target), node=node,
        )  # fmt: skip

    def count_of(self, verb: str, target: str) -> int:
        if verb == "pool resize":
            return self.random.randint(0, self.pools[target])
        return self.random.choice((3, 6)) if verb == "burst" else 1

    def place_for_more(self) -> tuple[str, Node]:
        above = self.random.choice([*self.dynamic * 4, *self.supervisors, "root"])
        if self.random.random() < 0.08:
            return above, self.supervisor(self.id("s"), above, depth=2, budget=[3])
        return above, self.worker(above, AutoShutdown.NEVER, added=True)

    def anyone(self) -> list[str]:
        """Everybody below the root."""
        return self.workers or ["root/nobody"]

    def word(self) -> Word:
        kind = self.pick(self.words)
        target = ""
        if kind in ("tell", "send", "ask"):
            target = self.random.choice(self.actors or ["root/nobody"])
        elif kind in ("monitor", "watch", "unwatch", "link", "unlink"):
            target = self.random.choice(self.anyone())
        elif kind in ("subscribe", "unsubscribe", "publish", "after", "every", "remember", "forget"):
            target = self.random.choice("xyz")
        elif kind in ("register", "unregister"):
            target = f"{self.random.choice(('unique', 'duplicate'))} {self.random.choice('xy')}"
        elif kind == "lookup":
            target = f"n{self.random.randint(1, 4)}"
        return Word(kind, target, self.moment(0.1, 0.4, 1.0, 2.0))

    # ---- small pieces

    def id(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def moment(self, *choices: float) -> float:
        return self.random.choice(choices)

    def some(self, make: Any, most: int, *, good_first: bool = False) -> tuple[Any, ...]:
        made = [make() for _ in range(self.random.randint(0, most))]
        if good_first and made:
            made[0] = type(made[0])()
        return tuple(made)

    def themed(self, weighted: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
        more = dict(THEMES[self.theme])
        return tuple((word, weight + more.get(word, 0)) for word, weight in weighted)

    def pick(self, weighted: Any) -> str:
        words, weights = zip(*weighted, strict=True)
        chosen: str = self.random.choices(words, weights)[0]
        return chosen
