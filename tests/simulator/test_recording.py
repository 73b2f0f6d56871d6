"""Recordings, good and bad."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from actors.errors import RecordingError
from actors.simulator import recording as module
from actors.simulator.recording import RecordedBook, RecordedFrame, Recording, companion

TRADE = b'{"stream":"btcusdt@trade","data":{"t":1}}'
BOOK = b'{"lastUpdateId":7,"bids":[["1","2"]],"asks":[]}'


def write(tmp_path: Path, *lines: bytes, name: str = "recording") -> Path:
    path = tmp_path / name
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def test_a_line_of_nanoseconds_is_a_frame(tmp_path: Path) -> None:
    recording = Recording(write(tmp_path, b"1723161253937085768 " + TRADE))

    assert list(recording.read()) == [RecordedFrame(1723161253.9370857, "btcusdt@trade", b'{"t":1}')]
    assert recording.skipped == 0


def test_a_bare_snapshot_belongs_to_the_only_symbol(tmp_path: Path) -> None:
    path = write(tmp_path, b"1723161253937085768 " + TRADE, b"1723161254000000000 " + BOOK)

    assert list(Recording(path).read())[1] == RecordedBook(1723161254.0, "BTCUSDT", 7, [("1", "2")], [])


def test_a_bare_snapshot_among_several_symbols_is_skipped(tmp_path: Path) -> None:
    other = TRADE.replace(b"btc", b"eth")
    recording = Recording(write(tmp_path, *(b"1723161253937085768 " + text for text in (TRADE, other, BOOK))))

    assert len(list(recording.read())) == 2
    assert recording.first_skipped == (3, "a depth snapshot that does not say of which symbol")


def test_lines_of_cryptofeed_are_read_and_its_other_lines_read_over(tmp_path: Path) -> None:
    recording = Recording(
        write(
            tmp_path,
            b"wss://host/stream?streams=a <-> 1633998511.159679",
            b'wss://host/stream <- 1633998511.2: {"method":"SUBSCRIBE"}',
            b'1633998511.3: {"result":null,"id":1}',
            b"",
            b"1633998512.5: " + TRADE,
            b"https://host/api/v3/depth?symbol=ETHBTC&limit=1000 -> 1633998512.75: " + BOOK,
            b'https://host/api/v3/exchangeInfo -> 1633998512.8: {"symbols":[]}',
        )
    )

    assert list(recording.read()) == [
        RecordedFrame(1633998512.5, "btcusdt@trade", b'{"t":1}'),
        RecordedBook(1633998512.75, "ETHBTC", 7, [("1", "2")], []),
    ]
    assert recording.skipped == 0


def test_the_rest_answers_beside_it_are_merged_by_time(tmp_path: Path) -> None:
    frames = write(tmp_path, b"1633998512.5: " + TRADE, b"1633998514.5: " + TRADE, name="X.ws.1.0")
    answer = b"https://host/api/v3/depth?symbol=BTCUSDT -> 1633998513.5: " + BOOK
    answers = tmp_path / "X.http.0.0.gz"
    answers.write_bytes(gzip.compress(answer))

    assert companion(frames) == answers
    assert [r.time for r in Recording(frames, answers).read()] == [1633998512.5, 1633998513.5, 1633998514.5]


def test_another_file_has_no_companion(tmp_path: Path) -> None:
    assert companion(tmp_path / "spot_btcusdt.gz") is None
    assert companion(tmp_path / "X.ws.1.0") is None


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"hello", "it does not begin with a time"),
        (b"1723161253937085768 {", "no JSON of a frame: Input data was truncated"),
        (b'1723161253937085768 {"stream":5}', "no JSON of a frame: Expected `str`, got `int`"),
        (b'1723161253937085768 {"stream":"a@b"}', "a frame without data"),
        (b'1633998512.5: {"arg":1}', "neither a frame of a combined stream nor a depth snapshot"),
        (b"https://h/depth -> 1633998512.5: " + BOOK, "no depth snapshot of one symbol"),
        (b'https://h/depth?symbol=A -> 1633998512.5: {"code":-1121}', "no depth snapshot of one symbol"),
        (b"https://[/depth -> 1633998512.5: {}", "no address"),
        (b"1633998512.5: \xff\xfe", "no JSON of a frame"),
    ],
)
def test_a_bad_line_is_skipped_and_counted(tmp_path: Path, line: bytes, why: str) -> None:
    good = b"1723161253937085768 " + TRADE
    recording = Recording(write(tmp_path, good, line, line, good))

    assert len(list(recording.read())) == 2
    assert recording.skipped == 2
    assert recording.first_skipped is not None
    number, said = recording.first_skipped
    assert number == 2
    assert why in said


def test_reading_again_starts_again(tmp_path: Path) -> None:
    recording = Recording(write(tmp_path, b"bad", b"1723161253937085768 " + TRADE))

    assert list(recording.read()) == list(recording.read())
    assert recording.skipped == 1


def test_a_file_with_nothing_usable_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, b"hello", b"world")

    with pytest.raises(RecordingError) as refused:
        list(Recording(path).read())
    assert (refused.value.path, refused.value.line, refused.value.skipped) == (str(path), 2, 2)
    assert "line 1: it does not begin with a time" in refused.value.reason


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()

    with pytest.raises(RecordingError, match="the file is empty"):
        list(Recording(path).read())


def test_a_missing_file_and_a_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="No such file"):
        list(Recording(tmp_path / "nope").read())
    with pytest.raises(RecordingError, match="directory"):
        list(Recording(tmp_path).read())


def test_a_name_in_gz_that_is_no_gzip_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="not gzip data"):
        list(Recording(write(tmp_path, b"1723161253937085768 " + TRADE, name="x.gz")).read())


def zipped(lines: int) -> bytes:
    return gzip.compress(b"".join(b"17231612539370857%02d " % (n % 100) + TRADE + b"\n" for n in range(lines)))


def test_gzip_that_ends_early_is_used_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "cut.gz"
    path.write_bytes(zipped(100)[:-8])
    recording = Recording(path)

    assert len(list(recording.read())) > 0
    assert recording.skipped == 1
    assert "ends early" in (recording.first_skipped or (0, ""))[1]


def test_damaged_gzip_is_an_error_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.gz"
    data = bytearray(zipped(100))
    data[-6] ^= 0xFF  # the checksum
    path.write_bytes(data)

    with pytest.raises(RecordingError, match="damaged data") as refused:
        list(Recording(path).read())
    assert refused.value.line > 1


def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_LINE", 100)

    with pytest.raises(RecordingError, match="line 1: the line is over 100 bytes"):
        list(Recording(write(tmp_path, b"x" * 1000)).read())


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, *([b"1723161253937085768 " + TRADE] * 3), b"x" * 50)
    recording = Recording(path)
    entries = recording.read()
    next(entries)
    entries.close()  # it is a generator

    assert recording.skipped == 0


def test_the_recordings_are_read_without_a_skipped_line(recorded: Path) -> None:
    long = Recording(recorded / "binance-btcusdt" / "spot_btcusdt_20240808.gz")
    frames = recorded / "binance-multi" / "BINANCE.ws.1.0"
    several = Recording(frames, companion(frames))

    assert sum(1 for _ in long.read()) == 41_249
    assert sum(1 for _ in several.read()) == 265 + 4
    assert (long.skipped, several.skipped) == (0, 0)


def test_traffic_of_another_exchange_is_an_error(recorded: Path) -> None:
    with pytest.raises(RecordingError, match="no frame of a Binance stream"):
        list(Recording(recorded / "okx" / "OKX.ws.1.0").read())
