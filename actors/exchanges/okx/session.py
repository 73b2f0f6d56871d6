"""One connection to OKX's public streams, without I/O: what to send, and what a frame means.

The rules:

* A request names several channels, and each is confirmed by a frame of its own, with the request's id; in 2022 without.
* An error names the request's id, and in its words the channel, if one is to blame: the others of that request live. One
  whose words name none refuses all of the request that has not been confirmed.
* `ping` and `pong` are texts. OKX closes a connection over which nothing came for 30 s.
* A frame of a channel that was not asked for, or no longer, means nothing.
* A refused channel is forgotten, so that asking again sends it again. What was asked for is not asked for twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from attrs import define, field
from msgspec import Raw, Struct

from actors.errors import BadFrame
from actors.exchanges.okx.channels import Channel, Reader, channel_of, reader_of
from actors.market import Subscription
from actors.ports import Ack, Delivery, Frame, Heartbeat, Inbound, Refusal, ShutdownNotice

__all__ = ["BATCH", "LARGEST_REQUEST", "UNANSWERED", "OkxSession"]

BATCH = 100
"""Channels per request. OKX takes 64 KB; a hundred channels are less than 10 KB."""

LARGEST_REQUEST = 64 * 1024

UNANSWERED = 1_000
"""Requests whose answers are waited for. Of more, the oldest are forgotten: an exchange that never answers must not cost
memory, and a subscription that does not deliver is noticed by its silence."""

PING = "ping"
PONG = b"pong"
UPGRADE = "64008"
"""The connection will be closed for an upgrade of the service, in half a minute to a minute."""

_NAMED = re.compile(r"channel\s*:\s*([\w-]+)\s*,\s*instId\s*:\s*([\w-]+)")
_HEARTBEAT = Heartbeat()


class Argument(Struct, frozen=True, gc=False, rename="camel"):
    channel: str = ""
    inst_id: str = ""


class Envelope(Struct, frozen=True, gc=False):
    """Any frame: data of a channel, or an event."""

    arg: Argument = Argument()
    action: str = ""
    data: Raw = Raw(b"")
    event: str = ""
    id: str = ""
    code: str = ""
    msg: str = ""


_decode_envelope = msgspec.json.Decoder(Envelope, strict=False).decode


@define
class _Request:
    """A request that OKX has not answered wholly yet."""

    channels: dict[Channel, Subscription]
    """Not yet confirmed."""
    subscribes: bool


@define(eq=False)
class OkxSession:
    """Implements `actors.ports.Session`.

    Args:
        batch: channels per request.
    """

    batch: int = field(default=BATCH, kw_only=True)
    _next_id: int = field(default=1, init=False)
    _waiting: dict[int, _Request] = field(factory=dict, init=False)
    # {channel: (subscription, reader)}: all that the hot path needs, in one look.
    _channels: dict[Channel, tuple[Subscription, Reader]] = field(factory=dict, init=False)
    # {channel: its reader}: it outlives the subscription, because a channel that is asked for anew begins with what came last.
    _readers: dict[Channel, Reader] = field(factory=dict, init=False)
    # {channel: id of the request that asked for it}: a late refusal must not take away what was asked for since.
    _asked: dict[Channel, int] = field(factory=dict, init=False)

    def subscribe(self, subscriptions: Sequence[Subscription]) -> Sequence[str]:
        """The frames that ask for these, `batch` channels each; what was asked for already is left out."""
        wanted = {channel_of(s): s for s in subscriptions}
        new = {channel: s for channel, s in wanted.items() if channel not in self._channels}
        frames = []
        for part in _parts(new, self.batch):
            for channel, subscription in part.items():
                reader = self._readers.setdefault(channel, reader_of(subscription))
                self._channels[channel] = (subscription, reader)
                self._asked[channel] = self._next_id
            frames.append(self._request("subscribe", part))
        return frames

    def unsubscribe(self, subscriptions: Sequence[Subscription]) -> Sequence[str]:
        """The frames that give these up; what was not asked for is left out. What still arrives is ignored."""
        wanted = {channel_of(s): s for s in subscriptions}
        known = {channel: s for channel, s in wanted.items() if channel in self._channels}
        for channel in known:
            del self._channels[channel], self._asked[channel]
        return [self._request("unsubscribe", part) for part in _parts(known, self.batch)]

    def ping(self) -> str:
        """The text that OKX answers with `pong`."""
        return PING

    def receive(self, frame: Frame) -> Inbound:
        """Decode one text frame. The Ack of an unsubscription names no subscription: none came to life.

        Raises:
            BadFrame: it is no valid JSON, or not of the type its channel announces. The session goes on.
        """
        if frame.payload == PONG:
            return _HEARTBEAT
        try:
            envelope = _decode_envelope(frame.payload)
            target = self._channels.get((envelope.arg.channel, envelope.arg.inst_id))
            if envelope.event or target is None:
                return self._other(envelope)
            subscription, read = target
            return Delivery(subscription, read(envelope.action, envelope.data, frame.arrived))
        # RecursionError: nested a few hundred deep, which is no frame either.
        except (msgspec.MsgspecError, ValueError, RecursionError) as exc:
            raise BadFrame(_reason(exc), frame.payload) from exc

    def _other(self, envelope: Envelope) -> Inbound:
        match envelope.event:
            case "subscribe" | "unsubscribe":
                return self._confirmed(envelope)
            case "error":
                return self._refused(envelope)
            case "notice" if envelope.code == UPGRADE:
                return ShutdownNotice()
            case _:
                return None

    def _confirmed(self, envelope: Envelope) -> Ack | None:
        channel, request_id = (envelope.arg.channel, envelope.arg.inst_id), _number(envelope.id)
        if request_id is None:
            target = self._channels.get(channel) if envelope.event == "subscribe" else None
            return None if target is None else Ack(None, (target[0],))
        request = self._waiting.get(request_id)
        subscription = None if request is None else request.channels.pop(channel, None)
        if request is None or subscription is None:
            return None
        self._forget_if_done(request_id, request)
        return Ack(request_id, (subscription,) if request.subscribes else ())

    def _refused(self, envelope: Envelope) -> Refusal:
        request_id, code = _number(envelope.id), _number(envelope.code) or 0
        named = match.groups() if (match := _NAMED.search(envelope.msg)) else None
        channel = None if named is None else (named[0], named[1])
        if request_id is None or (request := self._waiting.get(request_id)) is None:
            target = None if channel is None else self._channels.get(channel)
            if channel is None or target is None:
                return Refusal(request_id, (), code, envelope.msg)
            del self._channels[channel], self._asked[channel]
            return Refusal(request_id, (target[0],), code, envelope.msg)
        blamed = request.channels if channel not in request.channels else {channel: request.channels[channel]}
        refused = dict(blamed)
        for one in refused:
            del request.channels[one]
            if request.subscribes and self._asked.get(one) == request_id:
                del self._channels[one], self._asked[one]
        self._forget_if_done(request_id, request)
        return Refusal(request_id, tuple(refused.values()), code, envelope.msg)

    def _forget_if_done(self, request_id: int, request: _Request) -> None:
        if not request.channels:
            del self._waiting[request_id]

    def _request(self, operation: str, channels: Mapping[Channel, Subscription]) -> str:
        request_id = self._next_id
        self._next_id += 1
        if len(self._waiting) >= UNANSWERED:
            del self._waiting[next(iter(self._waiting))]
        self._waiting[request_id] = _Request(dict(channels), subscribes=operation == "subscribe")
        arguments = [{"channel": channel, "instId": native} for channel, native in channels]
        return msgspec.json.encode({"id": str(request_id), "op": operation, "args": arguments}).decode()


def _parts(channels: dict[Channel, Subscription], size: int) -> Iterator[dict[Channel, Subscription]]:
    items = list(channels.items())
    for start in range(0, len(items), size):
        yield dict(items[start : start + size])


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and text.isascii() else None


def _reason(exc: Exception) -> str:
    kind = "not what the channel announces" if isinstance(exc, msgspec.ValidationError) else "no valid JSON"
    return f"{kind}: {exc}"
