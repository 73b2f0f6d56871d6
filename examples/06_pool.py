"""A pool of identical actors, each with the keys that are its own; then a stream of supervised jobs."""

import anyio

from supervisor import (
    Actor,
    Done,
    DynamicSupervisorSpec,
    Pool,
    PoolSpec,
    Request,
    Supervisor,
    SupervisorSpec,
    run,
)


class Bump(Request[int], frozen=True):
    symbol: str


class Counter(Actor[Bump]):
    def __init__(self, number: int) -> None:
        self.number = number
        self.counts: dict[str, int] = {}

    def receive(self, message: Bump) -> int:
        self.counts[message.symbol] = self.counts.get(message.symbol, 0) + 1
        return self.counts[message.symbol]


COUNTERS: Pool[Bump] = Pool("counters")
tree = SupervisorSpec("shop", [PoolSpec("counters", Counter, 3, name=COUNTERS), DynamicSupervisorSpec("jobs", max_children=3)])


async def fetch(symbol: str) -> str:
    await anyio.sleep(0.01)
    return symbol.lower()


async def main(root: Supervisor) -> None:
    counters = root.pool(COUNTERS)
    for symbol in ("BTC", "ETH", "BTC", "SOL", "BTC"):
        count = await counters.member(symbol).ask(Bump(symbol))  # a symbol always belongs to the same member
        print(f"{counters.member(symbol).path}: {symbol} for the {count}. time")

    async with root.tasks("jobs").stream(fetch, ["BTC", "ETH", "SOL"], at_most=3, timeout=5.0) as outcomes:
        async for outcome in outcomes:  # in the order of the input; a job that fails is an outcome too
            if isinstance(outcome, Done):
                print("fetched", outcome.value)


if __name__ == "__main__":
    run(tree, main)
