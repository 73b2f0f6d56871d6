"""The poison message of the plan is a message: the stream takes it, its handler raises, and one life pays for it."""

from __future__ import annotations

import anyio
import pytest

from actors.demo.director import POISON
from supervisor import ChildEnded
from tests.actors.exchange import running

pytestmark = pytest.mark.anyio


async def test_a_poisoned_stream_restarts_once_and_every_subscription_delivers_again() -> None:
    async with running() as bot:
        victim, *others = bot.streams.which_children()
        assert victim.ref.tell(POISON)
        await bot.delivers()
        await anyio.sleep(5.0)
        await bot.delivers()
        now = {child.id: child.incarnation for child in bot.streams.which_children()}
        assert now == {victim.id: victim.incarnation + 1, **{child.id: child.incarnation for child in others}}
        assert bot.restarts == {victim.ref.path: 1}
        (reason,) = (end.reason for end in bot.events if isinstance(end, ChildEnded) and end.path == victim.ref.path)
        assert reason == "AttributeError: 'str' object has no attribute 'feed'"
