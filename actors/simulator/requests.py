"""The requests of a stream connection, by Binance's rules. Implements `Session`. Pure: text in, answer out.

Any stream whose name has the right form is confirmed, whether it exists or not; so does the real exchange, and a client
that takes an acknowledgement for data must find out here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec
from attrs import define, field

from actors.simulator import wire
from actors.simulator.dialect import Answer, Refusal

__all__ = ["StreamRequests", "streams_of_target"]

_LONGEST_ID = 36
_INT64 = 2**63
_ID = f"an integer, a string up to {_LONGEST_ID} long or null"
_STREAM = re.compile(r"!?[^\s@/!]+@\S+|!\S+")


class _Invalid(Exception):
    """A request that is refused, with code and words."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@define
class StreamRequests:
    """What one connection is subscribed to, and how it asks.

    Args:
        combined: whether events come in the envelope that names their stream.
        limit: streams per connection.
        refused: streams that may not be subscribed, and what is said then.
    """

    combined: bool
    limit: int
    refused: Mapping[str, Refusal] = field(factory=dict)
    _streams: dict[str, None] = field(factory=dict, init=False)

    @property
    def streams(self) -> Sequence[str]:
        """In the order of subscription."""
        return list(self._streams)

    @property
    def form(self) -> bool:
        """Whether combined."""
        return self.combined

    def payload(self, stream: str, data: bytes) -> bytes:
        """The text of an event's frame."""
        return wire.combined(stream, data) if self.combined else data

    def add(self, streams: Sequence[str]) -> tuple[str, ...]:
        """Subscribe; those that are new. For what the address of the connection names."""
        new = tuple(dict.fromkeys(s for s in streams if s not in self._streams))
        self._streams.update(dict.fromkeys(new))
        return new

    def answer(self, text: bytes) -> Answer:
        """Do what is asked, and say so."""
        try:
            request = msgspec.json.decode(text)
        except (msgspec.MsgspecError, ValueError, RecursionError) as exc:
            return _refusal(_Invalid(3, f"Invalid JSON: {exc}"), None)
        request_id = request.get("id") if isinstance(request, dict) else None
        if not _is_id(request_id):
            return _refusal(_Invalid(2, f"Invalid request: request ID must be {_ID}"), None)
        try:
            return self._do(request, request_id)
        except _Invalid as exc:
            return _refusal(exc, request_id)

    def _do(self, request: object, request_id: object) -> Answer:
        if not isinstance(request, dict):
            raise _Invalid(2, "Invalid request: expected an object")
        methods: dict[object, Callable[[object, object], Answer]] = {
            "SUBSCRIBE": self._subscribe,
            "UNSUBSCRIBE": self._unsubscribe,
            "LIST_SUBSCRIPTIONS": lambda _, request_id: _result(self.streams, request_id),
            "SET_PROPERTY": self._set_property,
            "GET_PROPERTY": self._get_property,
        }
        if "method" not in request:
            raise _Invalid(2, "Invalid request: missing field `method`")
        name = request["method"]
        method = methods.get(name) if isinstance(name, str) else None
        if method is None:
            raise _Invalid(2, f"Invalid request: unknown variant `{name}`, expected one of {', '.join(map(str, methods))}")
        return method(request.get("params"), request_id)

    def _subscribe(self, params: object, request_id: object) -> Answer:
        wanted = _stream_params(params)
        for refusal in (self.refused[stream] for stream in wanted if stream in self.refused):
            raise _Invalid(refusal.code, refusal.message)
        if len(self._streams.keys() | set(wanted)) > self.limit:
            raise _Invalid(2, "Invalid request: too many parameters")
        return _result(None, request_id, added=self.add(wanted))

    def _unsubscribe(self, params: object, request_id: object) -> Answer:
        known = tuple(dict.fromkeys(s for s in _stream_params(params) if s in self._streams))
        for stream in known:
            del self._streams[stream]
        return _result(None, request_id, removed=known)

    def _set_property(self, params: object, request_id: object) -> Answer:
        match params:
            case ["combined", bool() as combined]:
                self.combined = combined
                return _result(None, request_id)
            case ["combined", _]:
                raise _Invalid(1, "Invalid value type: expected Boolean")
            case [str(), _]:
                raise _Invalid(0, "Unknown property")
            case _:
                raise _Invalid(2, "Invalid request: property name must be a string")

    def _get_property(self, params: object, request_id: object) -> Answer:
        match params:
            case ["combined"]:
                return _result(self.combined, request_id)
            case [str()]:
                raise _Invalid(0, "Unknown property")
            case _:
                raise _Invalid(2, "Invalid request: property name must be a string")


def streams_of_target(path: str, query: Mapping[str, Sequence[str]]) -> tuple[bool, list[str]] | None:
    """What the address of a connection asks for: whether combined, and which streams. None where nothing is served.

    Clients open `/ws`, `/ws/0`, `/ws/a@trade/b@trade`, `/stream` and `/stream?streams=a@trade/b@trade`. A part that is
    no stream's name is passed over.

    Args:
        path: percent-decoded.
        query: percent-decoded, {name: values}.
    """
    root, *tail = path.strip("/").split("/")
    if root == "ws":
        return False, [part for part in tail if _STREAM.fullmatch(part)]
    if root == "stream":
        named = "/".join(query.get("streams", ())).split("/")
        return True, [part for part in (*tail, *named) if _STREAM.fullmatch(part)]
    return None


def _stream_params(params: object) -> list[str]:
    if not isinstance(params, list) or not params:
        raise _Invalid(2, "Invalid request: params must be a list of stream names")
    for name in params:
        if not isinstance(name, str) or not _STREAM.fullmatch(name):
            raise _Invalid(2, f"Invalid request: invalid stream {name!r}")
    return params


def _is_id(value: object) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return -_INT64 <= value < _INT64
    return value is None or (isinstance(value, str) and len(value) <= _LONGEST_ID)


def _result(result: object, request_id: object, *, added: tuple[str, ...] = (), removed: tuple[str, ...] = ()) -> Answer:
    return Answer(msgspec.json.encode({"result": result, "id": request_id}), added, removed)


def _refusal(exc: _Invalid, request_id: object) -> Answer:
    return Answer(msgspec.json.encode({"code": exc.code, "msg": exc.message, "id": request_id}))
