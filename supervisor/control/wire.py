"""What is said over the control socket: lines of JSON. Pure: bytes in, bytes out.

    {"v":1,"get":"snapshot"}                                        a request: one line of at most 4096 bytes
    {"v":1,"type":"snapshot","tree_id":...,"children":[...]}        its answer

    {"v":1,"get":"events","recent":100,"next":10,"level":"info"}    the last 100 events, then the next 10
    {"v":1,"type":"event","event":{...}}  ...  {"v":1,"type":"end"} one line each, then the end

    {"v":1,"type":"error","error":"..."}                            what was wrong with a request; the connection is closed

`v` is the version. Who is asked for another one says so in an `error` with its own, and nothing else.

Read-only on purpose: whoever reaches the socket could otherwise stop a bot that holds positions, and nothing would say who it
was. What changes a tree is asked of its supervisor by code that was written for it.

A snapshot's children are a flat list with depths, parents first, so that the depth of a tree is never the depth of a parser.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from supervisor.errors import SupervisorError
from supervisor.secrets import redact
from supervisor.snapshot import ChildSnapshot, TreeSnapshot

__all__ = [
    "MAX_RECENT",
    "MAX_REQUEST",
    "VERSION",
    "GetEvents",
    "GetSnapshot",
    "OtherVersion",
    "Request",
    "WireError",
    "WrongRequest",
    "encode_end",
    "encode_error",
    "encode_event",
    "encode_request",
    "encode_row",
    "encode_snapshot",
    "read_answer",
    "read_request",
    "read_snapshot",
]

VERSION = 1
MAX_REQUEST = 4_096
"""Bytes of a request, its newline included."""
MAX_RECENT = 2_000
"""Events that can be asked for, of those that were."""
MAX_NEXT = 1_000_000


class WireError(SupervisorError, ValueError):
    """What came over a control socket is not what was expected."""


class WrongRequest(WireError):
    """A line that is no request."""


class OtherVersion(WireError):
    """The other side speaks another version of the protocol."""

    def __init__(self, theirs: object) -> None:
        super().__init__(
            f"the other side speaks version {theirs!r} of the control protocol, this one {VERSION}; update the older"
        )
        self.theirs = theirs


class GetSnapshot(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="get", tag="snapshot"):
    """The tree as it is now."""

    v: int = VERSION


class GetEvents(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="get", tag="events"):
    """Events: the last ones that were, then the next ones to come."""

    v: int = VERSION
    recent: Annotated[int, Meta(ge=0, le=MAX_RECENT)] = 0
    next: Annotated[int, Meta(ge=0, le=MAX_NEXT)] = 0
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is told."""


Request = GetSnapshot | GetEvents


class _Version(Struct):
    v: object


class _Row(Struct, frozen=True, array_like=True):
    """A child as it travels: its depth, and the child without those below it."""

    depth: Annotated[int, Meta(ge=0)]
    child: ChildSnapshot


class _Snapshot(Struct, frozen=True, kw_only=True):
    tree_id: str
    at: float
    children: list[_Row]


_REQUESTS = msgspec.json.Decoder(Request)
_VERSIONS = msgspec.json.Decoder(_Version)
_BROKEN = (msgspec.MsgspecError, RecursionError, UnicodeError)
"""What a decoder raises for bytes that nobody meant."""


def encode_request(request: Request) -> bytes:
    """A request as a line."""
    return msgspec.json.encode(request) + b"\n"


def read_request(line: bytes) -> Request:
    """The request on a line.

    Raises:
        OtherVersion: of another version, whatever it asks for.
        WrongRequest: it is none.
    """
    try:
        theirs = _VERSIONS.decode(line).v
        if type(theirs) is not int or theirs != VERSION:
            raise OtherVersion(redact(theirs))
        request: Request = _REQUESTS.decode(line)
        return request
    except _BROKEN as error:
        expected = 'a line such as {"v":1,"get":"snapshot"} or {"v":1,"get":"events","recent":10}'
        raise WrongRequest(f"the request is none ({error}); expected {expected}") from error


def encode_row(depth: int, child: ChildSnapshot) -> bytes:
    """One child of a snapshot, redacted, without those below it."""
    shown = msgspec.structs.replace(
        child,
        id=redact(child.id),
        path=redact(child.path),
        last_exit=None if child.last_exit is None else redact(child.last_exit),
        children=(),
    )
    return msgspec.json.encode(_Row(depth, shown))


def encode_snapshot(tree_id: str, at: float, rows: Iterable[bytes]) -> bytes:
    """A snapshot's line, from its encoded rows."""
    fields = {"v": VERSION, "type": "snapshot", "tree_id": tree_id, "at": at}
    return msgspec.json.encode(fields)[:-1] + b',"children":[' + b",".join(rows) + b"]}\n"


def encode_event(fields: dict[str, Any]) -> bytes:
    """An event's line, redacted."""
    return _line("event", event=redact({key: value for key, value in fields.items() if value is not None}))


def encode_end() -> bytes:
    """There are no more events."""
    return _line("end")


def encode_error(sentence: str) -> bytes:
    """What was wrong."""
    return _line("error", error=redact(sentence))


def _line(kind: str, **fields: object) -> bytes:
    return msgspec.json.encode({"v": VERSION, "type": kind, **fields}) + b"\n"


def read_answer(line: bytes) -> dict[str, Any]:
    """An answer's fields.

    Raises:
        OtherVersion: of another version.
        WireError: it is none, or it says that the request was wrong.
    """
    try:
        fields = msgspec.json.decode(line, type=dict[str, Any])
    except _BROKEN as error:
        raise WireError(f"the answer is none ({error}); is that the control socket of a tree?") from error
    theirs = fields.get("v")
    if theirs != VERSION:
        raise OtherVersion(theirs)
    if fields.get("type") == "error":
        raise WireError(str(fields.get("error")))
    return fields


def read_snapshot(line: bytes) -> TreeSnapshot:
    """The tree that a snapshot's line describes.

    Raises:
        OtherVersion: of another version.
        WireError: it is none.
    """
    try:
        if _VERSIONS.decode(line).v == VERSION and b'"type":"error"' not in line[:64]:
            found = msgspec.json.decode(line, type=_Snapshot)
            return TreeSnapshot(tree_id=found.tree_id, at=found.at, root=_planted(found.children))
    except _BROKEN as error:
        raise WireError(f"the answer is no snapshot ({error}); is that the control socket of a tree?") from error
    read_answer(line)
    raise WireError("the answer is no snapshot; is that the control socket of a tree?")


def _planted(rows: Sequence[_Row]) -> ChildSnapshot:
    """The root, with all children back in their places. The last rows first: what is below a child is then complete."""
    below: dict[int, list[ChildSnapshot]] = {}
    for row in reversed(rows):
        children = tuple(reversed(below.pop(row.depth + 1, [])))
        below.setdefault(row.depth, []).append(msgspec.structs.replace(row.child, children=children))
    roots = below.pop(0, [])
    if len(roots) != 1 or below:
        raise WireError("the snapshot's depths do not make a tree; is that the control socket of a tree?")
    return roots[0]
