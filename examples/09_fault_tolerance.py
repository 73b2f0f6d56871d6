"""Operating a bot: hear a feed, isolate an endpoint, force a fallback, read how it is doing. The exchange is a simulator."""

from collections.abc import AsyncIterator
from typing import TypeVar

import anyio

from actors import (
    Binance,
    FallbackKind,
    FallbackOptions,
    FaultTolerance,
    Resumed,
    SourceChanged,
    StreamOptions,
    Trade,
    TradeEvent,
    TreeOptions,
    bot_tree,
    exchange_tree,
    trades,
)
from actors.simulator import Control, SimulatorConfig, running_simulator
from supervisor import Backoff, Skipped, open_supervisor

T = TypeVar("T")
OPTIONS = TreeOptions(  # sooner than in earnest, so that this is over sooner
    stream=StreamOptions(beat=0.2, reconnect=Backoff(initial=0.1, maximum=1.0)), fallbacks=FallbackOptions(poll_at_least=0.2)
)


async def heard(events: AsyncIterator[TradeEvent | Skipped], kind: type[T]) -> T:
    """The next event of this kind; trades in between are not shown."""
    async for event in events:
        if not isinstance(event, Trade):
            print(f"  {type(event).__name__}")  # a hole in the stream, its end, or another source
        if isinstance(event, kind):
            return event
    raise RuntimeError("the bot has ended")


async def operate(tolerance: FaultTolerance, exchange: Control) -> None:
    async with tolerance.subscribe(trades("binance:BTC/USDT")) as events:
        print("first trade:", (await heard(events, Trade)).id)

        # stream-1 is to be left alone. What is open stays open; after its end the other endpoint is used.
        await tolerance.isolate("stream-1")
        await exchange.abort()
        await heard(events, Resumed)
        print("stream-1 is isolated; next trade:", (await heard(events, Trade)).id)

        # No endpoint for streams is left: trades are polled over REST, at once instead of after ten seconds.
        await tolerance.isolate("stream-2")
        await tolerance.trigger_fallback(FallbackKind.PROTOCOL)
        await exchange.abort()
        changed = await heard(events, SourceChanged)
        print(f"trades come by {changed.source}; next trade:", (await heard(events, Trade)).id)
        print(await tolerance.system_health())  # of a bot that is two seconds old

        await tolerance.release("stream-1")
        await tolerance.trigger_fallback(FallbackKind.PROTOCOL, on=None)
        print("everybody answers:", (await tolerance.health_check()).ok)


async def main() -> None:
    async with running_simulator(SimulatorConfig(symbols=("BTC/USDT",))) as simulator:
        exchange = Binance.at(stream_urls=simulator.stream_urls, rest_urls=simulator.rest_urls)
        async with open_supervisor(bot_tree(exchange_tree(exchange, options=OPTIONS))) as root:
            await operate(FaultTolerance(root), Control(simulator.control_url))


if __name__ == "__main__":
    anyio.run(main)
