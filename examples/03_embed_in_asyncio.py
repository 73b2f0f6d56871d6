"""A supervised part inside an asyncio bot that already exists: the tree lives in a block, the bot goes on as before."""

import asyncio

from supervisor import Actor, ActorSpec, Message, Name, Request, SupervisorSpec, open_supervisor


class Fill(Message, frozen=True):
    symbol: str
    quantity: float


class Position(Request[float], frozen=True):
    symbol: str


class Positions(Actor[Fill | Position]):
    def __init__(self) -> None:
        self.held: dict[str, float] = {}

    async def on_start(self) -> None:
        self.held = self.recall(dict) or {}  # what an earlier life remembered

    def receive(self, message: Fill | Position) -> float | None:
        match message:
            case Fill(symbol, quantity):
                self.held[symbol] = self.held.get(symbol, 0.0) + quantity
                self.remember(self.held)
                return None
            case Position(symbol):
                return self.held.get(symbol, 0.0)


POSITIONS: Name[Fill | Position] = Name("positions")
TREE = SupervisorSpec("book-keeping", [ActorSpec("positions", Positions, name=POSITIONS)])


async def existing_bot() -> None:
    """Your bot: its own loop, its own tasks."""
    async with open_supervisor(TREE) as root:
        positions = root.ref(POSITIONS)
        for quantity in (1.5, -0.5):
            positions.tell(Fill("BTC/USDT", quantity))  # never waits, never raises for a dead target
        print("position:", await positions.ask(Position("BTC/USDT"), timeout=1.0))
    # Leaving the block stopped the tree, in order.


if __name__ == "__main__":
    asyncio.run(existing_bot())
