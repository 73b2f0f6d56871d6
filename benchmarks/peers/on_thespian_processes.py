"""thespian on its multiprocQueueBase: each actor a process of its own, messages pickled into queues between them."""
# mypy: disable-error-code="import-not-found,import-untyped,misc"
# pyright: reportMissingImports=false
# (this runs in an environment of its own, which the type checkers do not see)

from __future__ import annotations

from thespian.actors import ActorSystem

from benchmarks.peers.floors import deque_and_call
from benchmarks.peers.harness import PATIENCE, Cannot, Measured, Plan, Stopwatch, Table, check, main
from benchmarks.peers.on_thespian import LIVES_ON, LOGS, ONE_ANSWER, Counter, ask_in_turn, on, start, tell_1_1

BASE = "multiprocQueueBase"
TELLS = 2_000
ASKS = 300
MANY = 20
ALONE = f"no supervisor: {MANY} top-level actors, as each is a process"


def stop() -> Measured:
    actors = ActorSystem(BASE, logDefs=LOGS)
    counters, stopwatch = [actors.createActor(Counter) for _ in range(MANY)], Stopwatch()
    for counter in counters:
        check(actors.ask(counter, "there?", PATIENCE), "here", "the answer")
    stopwatch.start()
    actors.shutdown()
    return stopwatch.stop(MANY)


TABLE: Table = {
    "tell-1-1": Plan(on(BASE, tell_1_1, TELLS), deque_and_call, "each actor is a process"),
    "tell-10-1": Cannot("it stands still: with ten processes sending to one, no answer came within a minute"),
    "tell-1-1000": Cannot("each actor is a process"),
    "ask-in-turn": Plan(on(BASE, ask_in_turn, ASKS), deque_and_call, "each actor is a process; the floor is a call"),
    "ask-100": Cannot(ONE_ANSWER),
    "crash": Cannot(LIVES_ON),
    "start-5k": Plan(on(BASE, start, MANY), note=ALONE, at_most=3),
    "start-100k": Cannot("each actor is a process"),
    "memory": Cannot("each actor is a process, with an interpreter of its own"),
    "stop": Plan(stop, note=f"{ALONE}: shutdown() of the system", at_most=3),
}

if __name__ == "__main__":
    main("thespian-processes", "thespian", "benchmarks.peers.on_thespian_processes", TABLE)
