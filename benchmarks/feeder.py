"""An exchange that only sends: in a process of its own, so that its CPU time is not ours.

It serves one connection at a time. After the handshake and the first request (a SUBSCRIBE) it sends the files named on its
standard input, one per line: WebSocket frames encoded beforehand, many per write, uncompressed. An empty line ends the
connection.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import frozen
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import Event
from websockets.server import ServerProtocol

__all__ = ["ROOT", "WRITE", "Feeder", "encode", "feeder"]

ROOT = Path(__file__).parent.parent
"""Where `python -m benchmarks.feeder` finds itself, wherever it is started."""

WRITE = 65_536
"""Bytes per write: about four hundred small frames, as in a burst."""


def encode(payloads: Sequence[bytes]) -> bytes:
    """Text frames as a server sends them: unmasked."""
    return b"".join(Frame(Opcode.TEXT, payload).serialize(mask=False) for payload in payloads)


@frozen
class Feeder:
    """The process, seen from outside."""

    url: str
    process: subprocess.Popen[str]

    def send(self, file: Path) -> None:
        """Send what is in this file, once someone has subscribed."""
        self._say(str(file))

    def end(self) -> None:
        """End the connection."""
        self._say("")

    def _say(self, line: str) -> None:
        if self.process.stdin is None:
            raise AssertionError("the process was opened with a pipe")
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()


@contextmanager
def feeder() -> Iterator[Feeder]:
    """A feeder for as long as the block runs."""
    command = [sys.executable, "-m", "benchmarks.feeder"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            if process.stdout is None:
                raise AssertionError("the process was opened with a pipe")
            yield Feeder(f"ws://127.0.0.1:{int(process.stdout.readline())}", process)
        finally:
            process.kill()


def serve() -> None:
    """Accept connections, for ever."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)  # this is how the parent learns it
        while True:
            connection, _ = listener.accept()
            # An end in the middle of a file is the client's good right.
            with connection, suppress(ConnectionError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                until_subscribed(connection)
                send_files(connection)


def until_subscribed(connection: socket.socket) -> None:
    """The handshake, and the first request with its answer."""
    protocol = ServerProtocol()
    subscribed = False
    while not subscribed:
        data = connection.recv(WRITE)
        if not data:
            raise ConnectionResetError("the client went before it subscribed")
        protocol.receive_data(data)
        for event in protocol.events_received():
            if isinstance(event, Request):
                protocol.send_response(protocol.accept(event))
            else:
                protocol.send_text(answer_to(event))
                subscribed = True
        for answer in protocol.data_to_send():
            connection.sendall(answer)


def answer_to(event: Event) -> bytes:
    """The answer to a request, with its id: a client that waits for it would otherwise wait for ever."""
    request = json.loads(bytes(event.data)) if isinstance(event, Frame) else {}
    return json.dumps({"result": None, "id": request.get("id", 1)}).encode()


def send_files(connection: socket.socket) -> None:
    """What is asked for, until the empty line."""
    while (line := sys.stdin.readline().strip()) != "":
        data = memoryview(Path(line).read_bytes())
        for start in range(0, len(data), WRITE):
            connection.sendall(data[start : start + WRITE])


if __name__ == "__main__":
    serve()
