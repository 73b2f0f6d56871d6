"""A bot without a loop: the tree runs on a thread of its own, and the bot's threads talk to it without await."""

import threading

from supervisor import Actor, ActorSpec, BlockingRef, Message, Name, Request, SupervisorSpec, background


class Fill(Message, frozen=True):
    symbol: str
    quantity: float


class Position(Request[float], frozen=True):
    symbol: str


class Positions(Actor[Fill | Position]):
    def __init__(self) -> None:
        self.held: dict[str, float] = {}

    def receive(self, message: Fill | Position) -> float | None:
        match message:
            case Fill(symbol, quantity):
                self.held[symbol] = self.held.get(symbol, 0.0) + quantity
                return None
            case Position(symbol):
                return self.held.get(symbol, 0.0)


POSITIONS: Name[Fill | Position] = Name("positions")
TREE = SupervisorSpec("book-keeping", [ActorSpec("positions", Positions, name=POSITIONS)])


def trade(positions: BlockingRef[Fill | Position]) -> None:
    """One of your threads. The actor needs no lock: it handles one message at a time, whoever sent it."""
    for _ in range(100):
        positions.tell(Fill("BTC/USDT", 0.5))  # True: accepted; never waits for the handling


def main() -> None:
    with background(TREE) as root:
        positions = root.ref(POSITIONS)
        threads = [threading.Thread(target=trade, args=(positions,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print("position:", positions.ask(Position("BTC/USDT"), timeout=1.0))
    # Leaving the block, by Ctrl-C too, stopped the tree in order.


if __name__ == "__main__":
    main()
