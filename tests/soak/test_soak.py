"""The soak in small: all kinds of faults once, and nothing is wrong. `python -m tests.soak` is the whole of it."""

from __future__ import annotations

import pytest

from actors.exchange_tree import TreeOptions
from actors.market import Feed
from actors.resilience import BreakerConfig
from actors.stream_options import StreamOptions
from supervisor import Backoff
from tests.soak.plan import DECK, Kind
from tests.soak.report import lines
from tests.soak.run import SoakConfig, soak
from tests.soak.verdict import verdict

pytestmark = [pytest.mark.anyio, pytest.mark.real_time, pytest.mark.slow, pytest.mark.long]

# Seconds have to do where the real thing has minutes: the patience is scaled down, the machines are the same.
SMALL = SoakConfig(
    connections=8,
    seconds=60.0,
    decks=1,
    every=0.3,
    speed=0.5,
    first_outage=0,
    look_every=1.0,
    options=TreeOptions(
        breaker=BreakerConfig(open_for=1.0, open_maximum=2.0, successes=1),
        stream=StreamOptions(
            silence={Feed.TRADES: 3.0, Feed.AGGREGATES: 3.0, Feed.QUOTES: 2.0, Feed.BOOK: 2.0, Feed.MINI_TICKER: 5.0},
            beat=0.25,
            reconnect=Backoff(initial=0.25, maximum=2.0, reset_after=2.0),
        ),
    ),
)


async def test_a_small_bot_survives_each_kind_of_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.delivery.aside.FIRST_PAUSE", 1.0)
    said: list[str] = []
    counts = await soak(SMALL, said.append)
    wrong = verdict(counts)
    assert not wrong, "\n".join([*said, *lines(counts, "this loop", wrong)])
    assert counts.faults == {kind.value: 1 for kind in (*DECK, Kind.OUTAGE)}
