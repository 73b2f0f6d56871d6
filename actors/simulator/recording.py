"""Reads recorded Binance traffic, lazily: one line is in memory at a time.

Two formats, told apart line by line, so that a file may even mix them; gzip is told by its first bytes:

    1723161253937085768 {"stream":"btcusdt@trade","data":{...}}     nanoseconds and a frame, as hftbacktest writes it
    1633998512.0633569: {"stream":"nknusdt@bookTicker","data":{..}}    seconds and a frame received, as cryptofeed does
    https://host/api/v3/depth?symbol=NKNUSDT -> 1633998512.3: {...}    a REST answer; cryptofeed keeps them in a file
                                                                       of their own, `X.http.*` beside `X.ws.*`
    wss://... <-> 1633998511.15 / wss://... <- 1633998511.2: {...}     connected, sent: read over

A frame without a stream that has `lastUpdateId` is a depth snapshot. It does not say of which symbol, so it counts only
where the recording has had a single one until then.

A line that cannot be used is skipped and counted. A gzip file that ends early is used up to its end, because that is how
a recorder that was killed leaves it; damaged data in the middle is an error.
"""

from __future__ import annotations

import gzip
import heapq
import re
import zlib
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec
from attrs import define, field
from msgspec import UNSET, Raw, Struct, UnsetType

from actors.errors import RecordingError
from actors.simulator.market import PriceLevel
from actors.simulator.symbols import symbol_of_stream

__all__ = ["Recorded", "RecordedBook", "RecordedFrame", "Recording", "companion"]

LONGEST_LINE = 32 * 2**20
"""Bytes. What is longer is no recording, and reading on would fill the memory."""

_GZIP = b"\x1f\x8b"
_NANOSECONDS = re.compile(rb"(\d{16,20}) (\S.*)", re.DOTALL)
_RECEIVED = re.compile(rb"(\d{9,11}(?:\.\d+)?): (\S.*)", re.DOTALL)
_ANSWERED = re.compile(rb"(\S+) -> (\d{9,11}(?:\.\d+)?): (\S.*)", re.DOTALL)
_READ_OVER = re.compile(rb"\S+ (<->|<-) \d{9,11}")


class RecordedFrame(Struct, frozen=True, gc=False):
    time: float
    """When it was received, in seconds of the recorder's clock."""
    stream: str
    data: bytes
    """The event as it was recorded, without the envelope."""


class RecordedBook(Struct, frozen=True):
    """A depth snapshot."""

    time: float
    native: str
    last_id: int
    bids: list[PriceLevel]
    asks: list[PriceLevel]


Recorded = RecordedFrame | RecordedBook


class _Body(Struct, frozen=True):
    stream: str = ""
    data: Raw = Raw(b"")
    last_id: int | UnsetType = msgspec.field(default=UNSET, name="lastUpdateId")
    bids: list[PriceLevel] = msgspec.field(default_factory=list)
    asks: list[PriceLevel] = msgspec.field(default_factory=list)
    id: Raw | UnsetType = UNSET


_decode = msgspec.json.Decoder(_Body).decode


class _Unusable(Exception):
    """Why a line is skipped."""


@define(eq=False)
class Recording:
    """A recording and, where there is one, the file with its REST answers.

    Args:
        path: the file.
        http: the REST answers; None where there are none, or they are in the same file.
    """

    path: Path
    http: Path | None = None
    skipped: int = field(default=0, init=False)
    """Lines that could not be used, so far."""
    first_skipped: tuple[int, str] | None = field(default=None, init=False)
    """The first such line, and why."""
    _natives: set[str] = field(factory=set, init=False)
    _used: int = field(default=0, init=False)
    _last_line: int = field(default=0, init=False)

    def read(self) -> Iterator[Recorded]:
        """All that can be used, in order of time. It may be read again from the start, which resets the counts.

        Raises:
            RecordingError: a file cannot be read, or nothing in it can be used.
        """
        self.skipped, self.first_skipped, self._used, self._last_line = 0, None, 0, 0
        self._natives.clear()
        if self.http is None:
            yield from self._read(self.path)
        else:
            files = (self._read(self.path), self._read(self.http))
            yield from heapq.merge(*files, key=lambda recorded: recorded.time)
        if not self._used:
            raise self._nothing_usable()

    def _nothing_usable(self) -> RecordingError:
        line, why = self.first_skipped or (0, "the file is empty")
        where = f"line {line}: {why}" if line else why
        reason = f"up to its end there is no frame of a Binance stream; {where}"
        return RecordingError(str(self.path), self._last_line, reason, self.skipped)

    def _read(self, path: Path) -> Iterator[Recorded]:
        for number, line in self._lines(path):
            try:
                recorded = self._parse(line)
            except _Unusable as exc:
                self._skip(number, str(exc))
                continue
            if recorded is not None:
                self._used += isinstance(recorded, RecordedFrame)
                yield recorded

    def _lines(self, path: Path) -> Iterator[tuple[int, bytes]]:
        """Lines that are not blank, with their numbers."""
        number = 0
        with _open(path) as file:
            while True:
                try:
                    line = file.readline(LONGEST_LINE + 1)
                except EOFError:
                    self._skip(number + 1, "the gzip data ends early")
                    return
                except (OSError, zlib.error) as exc:
                    raise RecordingError(str(path), number + 1, f"damaged data: {exc}", self.skipped) from exc
                if not line:
                    return
                self._last_line = number = number + 1
                if len(line) > LONGEST_LINE:
                    raise RecordingError(str(path), number, f"the line is over {LONGEST_LINE} bytes", self.skipped)
                if stripped := line.strip():
                    yield number, stripped

    def _skip(self, number: int, why: str) -> None:
        self.skipped += 1
        self.first_skipped = self.first_skipped or (number, why)

    def _parse(self, line: bytes) -> Recorded | None:
        """What a line holds; None where it is of a kind that is read over."""
        if match := _NANOSECONDS.fullmatch(line):
            return self._frame(int(match[1]) / 1e9, match[2])
        if match := _RECEIVED.fullmatch(line):
            return self._frame(float(match[1]), match[2])
        if match := _ANSWERED.fullmatch(line):
            return self._answer(match[1].decode("utf-8", "replace"), float(match[2]), match[3])
        if _READ_OVER.match(line):
            return None
        raise _Unusable("it does not begin with a time")

    def _frame(self, time: float, text: bytes) -> Recorded | None:
        body = _body(text)
        if body.stream:
            if not body.data:
                raise _Unusable("a frame without data")
            if symbol := symbol_of_stream(body.stream):
                self._natives.add(symbol.native)
            return RecordedFrame(time, body.stream, bytes(body.data))
        if body.last_id is not UNSET:
            if len(self._natives) != 1:
                raise _Unusable("a depth snapshot that does not say of which symbol")
            return RecordedBook(time, next(iter(self._natives)), body.last_id, body.bids, body.asks)
        if body.id is not UNSET:
            return None  # the answer to a SUBSCRIBE
        raise _Unusable("neither a frame of a combined stream nor a depth snapshot")

    def _answer(self, url: str, time: float, text: bytes) -> RecordedBook | None:
        try:
            parts = urlsplit(url)
        except ValueError as exc:
            raise _Unusable(f"no address: {exc}") from exc
        if not parts.path.endswith("/depth"):
            return None
        body = _body(text)
        natives = parse_qs(parts.query).get("symbol", [])
        if body.last_id is UNSET or len(natives) != 1:
            raise _Unusable("no depth snapshot of one symbol")
        return RecordedBook(time, natives[0], body.last_id, body.bids, body.asks)


def companion(path: Path) -> Path | None:
    """The file with the REST answers beside a cryptofeed recording, `BINANCE.http.0.0.gz` beside `BINANCE.ws.1.0`."""
    exchange, dot_ws, _ = path.name.partition(".ws.")
    return next(iter(sorted(path.parent.glob(f"{exchange}.http.*"))), None) if dot_ws else None


def _open(path: Path) -> BufferedIOBase:
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == _GZIP
        if path.suffix == ".gz" and not zipped:
            raise RecordingError(str(path), 0, "its name ends in .gz, but it is not gzip data")
        return gzip.open(path) if zipped else path.open("rb")
    except OSError as exc:
        raise RecordingError(str(path), 0, exc.strerror or str(exc)) from exc


def _body(text: bytes) -> _Body:
    try:
        return _decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError) as exc:
        raise _Unusable(f"no JSON of a frame: {exc}") from exc
