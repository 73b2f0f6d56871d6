"""One connection to Binance's spot streams, without I/O: what to send, and what a frame means.

The rules:

* Binance confirms a stream that does not exist and then stays silent. Ask `Binance.symbols_request` first; a
  Refusal comes only for a request that is malformed or too much.
* A frame of a stream that was not asked for, or no longer, means nothing; so does an answer to a request that is
  not ours.
* A refused batch is forgotten, so that asking again sends it again. What was asked for is not asked for twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from attrs import define, field
from msgspec.structs import force_setattr

from actors.errors import BadFrame
from actors.exchanges.binance.streams import (
    SHUTDOWN,
    SHUTDOWN_STREAM,
    Answer,
    Decode,
    Envelope,
    decoder_of,
    stream_name,
)
from actors.market import Subscription
from actors.ports import Ack, Delivery, Frame, Inbound, Refusal, ShutdownNotice

__all__ = ["BATCH", "UNANSWERED", "BinanceSession"]

BATCH = 200
"""Streams per request. A frame stays near 5 kB, and a full connection of 1024 streams takes six messages."""

UNANSWERED = 1_000
"""Requests whose answers are waited for. Of more, the oldest are forgotten, and their answers mean nothing: an exchange that
never answers must not cost memory, and a subscription that does not deliver is noticed by its silence."""

_decode_envelope = msgspec.json.Decoder(Envelope).decode
_decode_answer = msgspec.json.Decoder(Answer).decode


@define
class _Request:
    """A request that Binance has not answered yet."""

    streams: Mapping[str, Subscription]
    subscribes: bool


@define(eq=False)
class BinanceSession:
    """Implements `actors.ports.Session`.

    Args:
        batch: streams per request.
    """

    batch: int = field(default=BATCH, kw_only=True)
    _next_id: int = field(default=1, init=False)
    _waiting: dict[int, _Request] = field(factory=dict, init=False)
    # {stream: (subscription, decode)}: all that the hot path needs, in one look.
    _streams: dict[str, tuple[Subscription, Decode]] = field(factory=dict, init=False)
    # {stream: id of the request that asked for it}: a late refusal must not take away what was asked for since.
    _asked: dict[str, int] = field(factory=dict, init=False)

    def subscribe(self, subscriptions: Sequence[Subscription]) -> Sequence[str]:
        """The frames that ask for these, `batch` streams each; what was asked for already is left out."""
        wanted = {stream_name(s): s for s in subscriptions}
        new = {name: s for name, s in wanted.items() if name not in self._streams}
        frames = []
        for part in _parts(new, self.batch):
            for name, subscription in part.items():
                self._streams[name] = (subscription, decoder_of(subscription.feed))
                self._asked[name] = self._next_id
            frames.append(self._request("SUBSCRIBE", part))
        return frames

    def unsubscribe(self, subscriptions: Sequence[Subscription]) -> Sequence[str]:
        """The frames that give these up; what was not asked for is left out. What still arrives is ignored."""
        wanted = {stream_name(s): s for s in subscriptions}
        known = {name: s for name, s in wanted.items() if name in self._streams}
        for name in known:
            del self._streams[name], self._asked[name]
        return [self._request("UNSUBSCRIBE", part) for part in _parts(known, self.batch)]

    def ping(self) -> None:
        """Binance pings; nothing is asked of us."""

    def receive(self, frame: Frame) -> Inbound:
        """Decode one text frame. The Ack of an unsubscription names no subscription: none came to life.

        Raises:
            BadFrame: it is no valid JSON, or not of the type its stream announces. The session goes on.
        """
        try:
            envelope = _decode_envelope(frame.payload)
            target = self._streams.get(envelope.stream)
            if target is None:
                return self._other(envelope, frame.payload)
            subscription, decode = target
            event = decode(envelope.data)
        # RecursionError: nested a few hundred deep, which is no frame either.
        except (msgspec.MsgspecError, ValueError, RecursionError) as exc:
            raise BadFrame(_reason(exc), frame.payload) from exc
        force_setattr(event, "instrument", subscription.instrument)
        force_setattr(event, "received", frame.arrived)
        return Delivery(subscription, (event,))

    def _other(self, envelope: Envelope, payload: bytes) -> Inbound:
        if envelope.stream:
            return ShutdownNotice() if envelope.stream == SHUTDOWN_STREAM else None
        answer = _decode_answer(payload)
        if answer.e:
            return ShutdownNotice() if answer.e == SHUTDOWN else None
        if (error := answer.refusal) is not None and answer.id is None:
            # Binance could not even read our id: which request it was, nobody can tell.
            return Refusal(None, (), error.code, error.msg)
        if not isinstance(answer.id, int) or (request := self._waiting.pop(answer.id, None)) is None:
            return None
        if error is None:
            return Ack(answer.id, tuple(request.streams.values()) if request.subscribes else ())
        return self._refused(answer.id, request, error.code, error.msg)

    def _refused(self, request_id: int, request: _Request, code: int, message: str) -> Refusal:
        if request.subscribes:
            for name in request.streams:
                if self._asked.get(name) == request_id:
                    del self._streams[name], self._asked[name]
        return Refusal(request_id, tuple(request.streams.values()), code, message)

    def _request(self, method: str, streams: Mapping[str, Subscription]) -> str:
        request_id = self._next_id
        self._next_id += 1
        if len(self._waiting) >= UNANSWERED:
            del self._waiting[next(iter(self._waiting))]
        self._waiting[request_id] = _Request(streams, subscribes=method == "SUBSCRIBE")
        return msgspec.json.encode({"method": method, "params": list(streams), "id": request_id}).decode()


def _parts(streams: dict[str, Subscription], size: int) -> Iterator[dict[str, Subscription]]:
    items = list(streams.items())
    for start in range(0, len(items), size):
        yield dict(items[start : start + size])


def _reason(exc: Exception) -> str:
    kind = "not what the stream announces" if isinstance(exc, msgspec.ValidationError) else "no valid JSON"
    return f"{kind}: {exc}"
