"""The client of the control socket, which has no loop."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from supervisor.control.client import Unreachable, fetch_snapshot

pytestmark = pytest.mark.anyio


def answering(door: str, answer: bytes | None) -> threading.Thread:
    """Somebody who is no tree, and answers once. None: not at all."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(door)
    listening.listen()

    def serve() -> None:
        with listening:
            client, _ = listening.accept()
            with client:
                client.recv(4096)
                if answer is None:
                    client.recv(4096)  # until the other side gives up
                else:
                    client.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


@pytest.mark.real_time
@pytest.mark.parametrize("answer", [b"hello\n", b'{"v":9,"type":"snapshot"}\n', b'{"v":1,"type":"end"}\n', b"half a li", b""])
def test_an_answer_that_is_none_is_an_error_in_words(door: str, answer: bytes) -> None:
    thread = answering(door, answer)
    with pytest.raises(Exception, match=r"control|hung up|answer") as caught:
        fetch_snapshot(door)
    assert type(caught.value).__name__ in {"WireError", "OtherVersion", "Unreachable"}
    thread.join()


@pytest.mark.real_time
def test_who_does_not_answer_is_not_waited_for_for_ever(door: str) -> None:
    thread = answering(door, None)
    with pytest.raises(Unreachable, match=r"within 0\.05 s; its loop"):
        fetch_snapshot(door, timeout=0.05)
    thread.join()


def test_a_socket_that_was_left_behind_is_told_from_none_at_all(door: str) -> None:
    with pytest.raises(Unreachable, match="no such file"):
        fetch_snapshot(door)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(door)
    with pytest.raises(Unreachable, match="the process that made it is gone"):
        fetch_snapshot(door)
    with pytest.raises(Unreachable, match="not a socket"):
        fetch_snapshot(str(Path(door).parent))
    with pytest.raises(Unreachable, match=r"cannot be reached|no such file"):
        fetch_snapshot(door + "x" * 200)
