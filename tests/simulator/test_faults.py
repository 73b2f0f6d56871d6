"""What faults do to events, and whom they hit. Pure."""

from __future__ import annotations

import math
from random import Random

import msgspec
import pytest

from actors.simulator import wire
from actors.simulator.effects import Damage, Network, Silence, choose


def test_a_gap_swallows_the_next_events_of_its_stream_only() -> None:
    damage = Damage()
    damage.gap("a@depth", 2)

    assert [damage.passes("a@depth", b"{}") for _ in range(3)] == [None, None, b"{}"]
    assert damage.passes("b@depth", b"{}") == b"{}"


@pytest.mark.parametrize("data", [b'{"u":1,"b":[["1","2"]]}', b'{"a":{"b":1}}', b"{}"])
def test_a_corrupt_event_is_no_json_with_or_without_envelope(data: bytes) -> None:
    damage = Damage()
    damage.corrupt("a@trade", 1)
    damaged = damage.passes("a@trade", data)

    assert damaged is not None
    for text in (damaged, wire.combined("a@trade", damaged)):
        with pytest.raises(msgspec.DecodeError):
            msgspec.json.decode(text)
    assert damage.passes("a@trade", data) == data


def test_silence_of_one_stream_leaves_the_others() -> None:
    silence = Silence()
    silence.begin("a@trade", 5.0)

    assert silence.covers("a@trade", 4.9)
    assert not silence.covers("a@trade", 5.0)
    assert not silence.covers("b@trade", 0.0)


def test_silence_of_all_covers_every_stream_until_it_ends() -> None:
    silence = Silence()
    silence.begin(None, math.inf)
    assert silence.covers("a@trade", 1e9)
    silence.end()
    assert not silence.covers("a@trade", 0.0)


def test_a_copy_of_a_silence_is_its_own() -> None:
    silence = Silence()
    silence.begin(None, 5.0)
    copy = silence.copy()
    silence.end()

    assert copy.covers("a@trade", 0.0)


def test_latency_is_a_delay_and_a_jitter_above_it() -> None:
    network = Network(Random(1))
    assert network.release_at(10.0) == 0.0
    network.delay, network.jitter = 0.2, 0.1
    releases = [network.release_at(10.0) for _ in range(100)]

    assert all(10.2 <= release < 10.3 for release in releases)
    assert len(set(releases)) > 1


def test_victims_are_chosen_by_the_seed_and_keep_their_order() -> None:
    chosen = choose(range(100), 5, Random(1))

    assert chosen == sorted(chosen) == choose(range(100), 5, Random(1))
    assert chosen != choose(range(100), 5, Random(2))
    assert len(set(chosen)) == 5


@pytest.mark.parametrize("count", [None, 3, 10])
def test_all_are_hit_where_there_are_no_more(count: int | None) -> None:
    assert list(choose("abc", count, Random(1))) == ["a", "b", "c"]
