"""What is said over a control socket: any bytes are answered with an error at worst, and a tree arrives as it left."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.control.wire import (
    VERSION,
    GetEvents,
    GetSnapshot,
    OtherVersion,
    WireError,
    WrongRequest,
    encode_end,
    encode_error,
    encode_event,
    encode_request,
    encode_row,
    encode_snapshot,
    read_answer,
    read_request,
    read_snapshot,
)
from supervisor.snapshot import ChildSnapshot, TreeSnapshot


def child(id: str, *children: ChildSnapshot, last_exit: str | None = None) -> ChildSnapshot:
    return ChildSnapshot(
        id=id,
        path=id,
        kind="actor",
        phase="running",
        incarnation=1,
        restart="permanent",
        uptime=1.5,
        failures=0,
        restarts_in_window=0,
        restarts_allowed=5,
        backoff_left=None,
        last_exit=last_exit,
        mailbox=0,
        dropped=0,
        children=children,
    )


def sent(root: ChildSnapshot) -> bytes:
    tree = TreeSnapshot(tree_id="t", at=1.0, root=root)
    return encode_snapshot("t", 1.0, [encode_row(depth, one) for depth, one in tree.flat()])


TREES = st.recursive(
    st.builds(child, st.text(max_size=5)), lambda below: st.builds(lambda some: child("s", *some), st.lists(below, max_size=4))
)


@given(TREES)
def test_a_tree_arrives_as_it_left(root: ChildSnapshot) -> None:
    assert read_snapshot(sent(root)) == TreeSnapshot(tree_id="t", at=1.0, root=root)


def test_a_tree_5000_deep_arrives() -> None:
    root = child("leaf")
    for _ in range(5_000):
        root = child("s", root)
    assert len(read_snapshot(sent(root)).flat()) == 5_001


def test_a_snapshot_carries_no_secret() -> None:
    line = sent(child("api_key=abcdef", last_exit="ValueError: password=hunter2"))
    assert b"abcdef" not in line
    assert b"hunter2" not in line


def test_an_event_carries_no_secret() -> None:
    assert b"hunter2" not in encode_event({"type": "ChildEnded", "error": "Traceback ...\nValueError: password=hunter2\n"})


@pytest.mark.parametrize("request_", [GetSnapshot(), GetEvents(recent=5, next=7, level="debug")], ids=["snapshot", "events"])
def test_a_request_arrives_as_it_left(request_: GetSnapshot | GetEvents) -> None:
    assert read_request(encode_request(request_)) == request_


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"null",
        b"[]",
        b"{}",
        b'{"v":1}',
        b'{"v":1,"get":"everything"}',
        b'{"v":1,"get":"snapshot","and":"more"}',
        b'{"v":1,"get":"events","recent":-1}',
        b'{"v":1,"get":"events","recent":2001}',
        b'{"v":1,"get":"events","next":1e99}',
        b'{"v":1,"get":"events","level":"loud"}',
        b'{"v":1,"get":"snapshot"',
        b"GET / HTTP/1.1\r\n",
        b"\xff\xfe\x00",
        b'{"x":' + b"[" * 4_000,
        b"[" * 4_000,
    ],
)
def test_what_is_no_request_is_refused(line: bytes) -> None:
    with pytest.raises(WrongRequest, match="expected a line such as"):
        read_request(line)


@pytest.mark.parametrize("version", [b"0", b"2", b"1.0", b'"1"', b"true", b"null"])
def test_another_version_is_said_whatever_it_asks_for(version: bytes) -> None:
    with pytest.raises(OtherVersion, match=f"this one {VERSION}"):
        read_request(b'{"v":' + version + b',"get":"something new","deep":{}}')


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_an_error(line: bytes) -> None:
    try:
        read_request(line)
    except WireError:
        return


@given(st.binary(max_size=200) | st.sampled_from([encode_end(), encode_error("no"), sent(child("a"))]))
def test_any_bytes_are_an_answer_or_an_error(line: bytes) -> None:
    for read in (read_answer, read_snapshot):
        try:
            read(line)
        except WireError:
            continue


def test_an_error_that_is_answered_is_raised() -> None:
    for read in (read_answer, read_snapshot):
        with pytest.raises(WireError, match="too many"):
            read(encode_error("too many"))


def test_an_answer_of_another_version_is_refused() -> None:
    line = sent(child("a")).replace(b'"v":1', b'"v":2')
    for read in (read_answer, read_snapshot):
        with pytest.raises(OtherVersion, match="version 2"):
            read(line)


@pytest.mark.parametrize("depths", [[], [1], [0, 0], [0, 2], [0, 1, 3]])
def test_depths_that_make_no_tree_are_refused(depths: list[int]) -> None:
    with pytest.raises(WireError, match="depths"):
        read_snapshot(encode_snapshot("t", 1.0, [encode_row(depth, child("a")) for depth in depths]))


def test_every_line_is_one_line() -> None:
    for line in (encode_error("a\nb"), encode_end(), encode_event({"error": "a\nb"}), sent(child("a\nb"))):
        assert line.count(b"\n") == 1
        assert line.endswith(b"\n")
        assert msgspec.json.decode(line)["v"] == VERSION
