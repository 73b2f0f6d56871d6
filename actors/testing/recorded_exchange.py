"""A recording as an exchange that one can connect to: transport and REST in memory, for a tree that runs on it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext

import anyio
from attrs import define, field

from actors.errors import ConnectionLost
from actors.ports import FrameKind, Rest, RestRequest, RestResponse
from actors.testing.recording import Meaning, Question, Recording
from actors.transport import MemoryRest, MemoryServer, MemoryTransport

__all__ = ["RecordedExchange"]

LEFT_OUT = {Meaning.BAD, Meaning.REFUSAL, Meaning.SHUTDOWN}


@define(eq=False)
class RecordedExchange:
    """Says to everybody who connects what a recording says. Give `transport` and `open_rest` to `exchange_tree`, and `run` it.

    Every connection hears the first conversation, from its first request on; of what is bad, refused or the end of a
    connection, nothing. REST answers each path with the first answer that was recorded for it.

    Args:
        recording: what is played.
        pause: seconds between two frames.
    """

    recording: Recording
    pause: float = field(default=0.1, kw_only=True)
    transport: MemoryTransport = field(factory=MemoryTransport, init=False)
    _answers: Mapping[str, RestResponse] = field(init=False)
    _rest: MemoryRest = field(init=False)

    def __attrs_post_init__(self) -> None:
        answers: dict[str, RestResponse] = {}
        for answered in self.recording.answered:
            if answered.question is not Question.ERROR and answered.path:
                answers.setdefault(answered.path, answered.response)
        self._answers = answers
        self._rest = MemoryRest(self._answer)

    def open_rest(self) -> AbstractAsyncContextManager[Rest]:
        """A REST client that reaches this exchange."""
        return nullcontext(self._rest)

    async def run(self) -> None:
        """Serve until cancelled. Cancellation: connections that are open are dropped."""
        async with anyio.create_task_group() as group:
            while True:
                group.start_soon(self._serve, await self.transport.accept())

    async def _serve(self, server: MemoryServer) -> None:
        try:
            while (await server.received()).kind is not FrameKind.TEXT:
                pass
            async with anyio.create_task_group() as group:
                group.start_soon(self._say, server)
                while True:  # what the client says from now on is of no interest, but that it has gone is
                    await server.received()
        except* ConnectionLost:
            pass

    async def _say(self, server: MemoryServer) -> None:
        for heard in self.recording.conversations[0].heard if self.recording.conversations else ():
            if heard.meaning not in LEFT_OUT:
                server.send(heard.payload.decode())
                await anyio.sleep(self.pause)

    def _answer(self, _base_url: str, request: RestRequest) -> RestResponse:
        return self._answers.get(request.path, RestResponse(404, b""))
