"""One side of the book against a plain dictionary."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.simulator.ladder import Ladder, Side

CHANGES = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 3)), min_size=1)


@pytest.mark.parametrize("side", Side)
@given(changes=CHANGES)
def test_a_ladder_is_a_sorted_dictionary(side: Side, changes: list[tuple[int, int]]) -> None:
    ladder, plain = Ladder(side), dict[int, int]()
    for price, lots in changes:
        ladder.set(price, lots)
        plain[price] = lots
        plain = {p: n for p, n in plain.items() if n}
        assert ladder.lots(price) == lots
    expected = sorted(plain.items(), reverse=side is Side.BID)

    assert ladder.levels(100) == expected
    assert ladder.levels(2) == expected[:2]
    assert len(ladder) == len(expected)
    if expected:
        assert ladder.best == expected[0]
        assert ladder.price_at(len(ladder) - 1) == expected[-1][0]
