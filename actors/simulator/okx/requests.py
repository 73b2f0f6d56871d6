"""The requests of a connection, by OKX's rules. Implements `Session`. Pure: text in, answer out.

Each channel of a request is confirmed, or refused, by a frame of its own; the others of the request are not affected. What a
channel begins with follows its confirmation: a whole book, the latest trade.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from attrs import define, field

from actors.simulator.dialect import Answer, Refusal
from actors.simulator.okx import wire

__all__ = ["LARGEST_REQUEST", "OkxRequests"]

LARGEST_REQUEST = 64 * 1024
_PING, _PONG = b"ping", b"pong"
_LONGEST_ID = 32


@define
class OkxRequests:
    """What one connection is subscribed to.

    Args:
        known: streams that there are.
        limit: streams per connection.
        refused: streams that may not be subscribed, and what is said then.
        begins: what a stream begins with.
    """

    known: frozenset[str]
    limit: int
    refused: Mapping[str, Refusal]
    begins: Callable[[str], bytes | None]
    _streams: dict[str, None] = field(factory=dict, init=False)

    @property
    def streams(self) -> Sequence[str]:
        """In the order of subscription."""
        return list(self._streams)

    @property
    def form(self) -> None:
        """There is only one."""

    def payload(self, stream: str, data: bytes) -> bytes:
        """The text of an event's frame."""
        return data

    def answer(self, text: bytes) -> Answer:
        """Do what is asked, and say so."""
        if text == _PING:
            return Answer(_PONG)
        try:
            request = msgspec.json.decode(text)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            request = None
        match request:
            case _ if len(text) > LARGEST_REQUEST:
                return _invalid("The total length of the request exceeds 64 KB", {})
            case {"op": "subscribe" | "unsubscribe" as operation, "args": [_, *_] as arguments}:
                given = request.get("id", "")
                if not (isinstance(given, str) and len(given) <= _LONGEST_ID and (given.isalnum() or not given)):
                    return _invalid("Invalid id", {})
                return self._each(operation, arguments, {"id": given} if given else {})
            case _:
                return _invalid(f"Invalid request: {text[:200].decode('utf-8', 'replace')}", {})

    def _each(self, operation: str, arguments: Sequence[Any], given: dict[str, str]) -> Answer:
        replies: list[bytes] = []
        changed: list[str] = []
        first: list[tuple[str, bytes]] = []
        for argument in arguments:
            match argument:
                case {"channel": str() as channel, "instId": str() as instrument}:
                    stream = wire.stream_name(channel, instrument)
                case _:
                    replies.append(_error("60013", "Invalid args", given))
                    continue
            refusal = self._why_not(stream, channel, instrument) if operation == "subscribe" else None
            if refusal is not None:
                replies.append(_error(*refusal, given))
                continue
            # Confirmed whether or not that changes anything, as by the real one.
            arg = {"channel": channel, "instId": instrument}
            replies.append(msgspec.json.encode({**given, "event": operation, "arg": arg, "connId": wire.CONNECTION}))
            if operation == "subscribe":
                changed += [] if stream in self._streams else [stream]
                self._streams[stream] = None
                begin = self.begins(stream)
                first += [] if begin is None else [(stream, begin)]
            elif stream in self._streams:
                del self._streams[stream]
                changed.append(stream)
        reply, *more = replies
        if operation == "subscribe":
            return Answer(reply, added=tuple(changed), more=tuple(more), first=tuple(first))
        return Answer(reply, removed=tuple(changed), more=tuple(more))

    def _why_not(self, stream: str, channel: str, instrument: str) -> tuple[str, str] | None:
        if (refusal := self.refused.get(stream)) is not None:
            return str(refusal.code), f"{refusal.message} channel:{channel},instId:{instrument}"
        if stream not in self.known:
            # Nothing tells whether the channel or the instrument is the wrong one.
            return "60018", f"Wrong URL or channel:{channel},instId:{instrument} doesn't exist. Please use the correct URL."
        if len(self._streams) >= self.limit and stream not in self._streams:
            return "60014", f"Requests too frequent: channel:{channel},instId:{instrument}"
        return None


def _invalid(message: str, given: dict[str, str]) -> Answer:
    return Answer(_error("60012", message, given))


def _error(code: str, message: str, given: dict[str, str]) -> bytes:
    return msgspec.json.encode({**given, "event": "error", "code": code, "msg": message, "connId": wire.CONNECTION})
