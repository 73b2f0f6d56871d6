"""What a client in another process says is taken down, whatever it says."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import msgspec
import pytest
from anyio.abc import ByteReceiveStream

from actors.drills import witness as module
from actors.drills.observation import Observation, Pauses, Ready, Seen, Trouble, decode, stream_name, symbol_of
from actors.drills.plan import Client
from actors.drills.witness import ClientEnded, Witness, installed

pytestmark = pytest.mark.anyio


class Said(ByteReceiveStream):
    """What was written, in these chunks."""

    def __init__(self, chunks: Sequence[bytes]) -> None:
        self.chunks = list(chunks)

    async def receive(self, max_bytes: int = 65536) -> bytes:
        await anyio.lowlevel.checkpoint()
        if not self.chunks:
            raise anyio.EndOfStream
        return self.chunks.pop(0)

    async def aclose(self) -> None: ...


OBSERVATIONS: list[Observation] = [
    Ready("1.0", ("trades:BTC/USDT",)),
    Seen(1.0, "trades:BTC/USDT", 1),
    Pauses({"trades:BTC/USDT": 0.25}),
    Trouble(2.0, "", "closed"),
    Seen(3.0, "trades:BTC/USDT", 2),
]
WRITTEN = b"".join(msgspec.json.encode(one) + b"\n" for one in OBSERVATIONS)


@pytest.mark.parametrize("size", [1, 7, len(WRITTEN)])
async def test_lines_are_read_wherever_the_chunks_end(size: int) -> None:
    heard = Witness(Client.OURS)
    await heard.listen(Said([WRITTEN[at : at + size] for at in range(0, len(WRITTEN), size)]))
    assert heard.observations == [one for one in OBSERVATIONS if isinstance(one, Seen | Trouble)]
    assert (heard.version, heard.streams) == ("1.0", ("trades:BTC/USDT",))
    assert heard.pauses == {"trades:BTC/USDT": 0.25}


async def test_what_was_learned_of_one_stream_stays_when_another_speaks() -> None:
    heard = Witness(Client.OURS)
    said = [Pauses({"a": 1.0, "b": 1.0}), Pauses({"b": 2.0})]
    await heard.listen(Said([msgspec.json.encode(one) + b"\n" for one in said]))
    assert heard.pauses == {"a": 1.0, "b": 2.0}


async def test_what_a_package_prints_is_no_observation_and_is_remembered_for_its_end() -> None:
    heard = Witness(Client.CCXT)
    await heard.listen(Said([b"please upgrade\n", WRITTEN]))
    assert len(heard.observations) == 3
    with pytest.raises(ClientEnded, match="ccxt ended: please upgrade"):
        heard.check()


async def test_the_last_words_on_standard_error_say_why_it_ended() -> None:
    heard = Witness(Client.CCXT)
    await heard.overhear(Said([b"Traceback\n", b"KeyError: 'x'\n"]))
    heard.check()  # it may have been a warning
    await heard.listen(Said([]))
    with pytest.raises(ClientEnded, match=r"Traceback \| KeyError: 'x'"):
        heard.check()


async def test_who_says_more_than_can_be_kept_is_not_counted_wrongly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    heard = Witness(Client.OURS)
    await heard.listen(Said([WRITTEN]))
    with pytest.raises(ClientEnded, match="take a lower --speed"):
        heard.check()


@pytest.mark.parametrize("one", OBSERVATIONS, ids=lambda one: type(one).__name__)
def test_an_observation_is_read_as_it_was_written(one: Observation) -> None:
    assert decode(msgspec.json.encode(one)) == one


def test_a_stream_has_a_symbol() -> None:
    assert symbol_of(stream_name("book", "BTC/USDT")) == "BTC/USDT"


def test_a_package_that_is_not_here_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert installed(Client.OURS)
    monkeypatch.setattr(Client, "distribution", "no-such-package-anywhere")
    assert not installed(Client.CCXT)
