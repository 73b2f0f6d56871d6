from __future__ import annotations

import pytest

from supervisor.store import MemoryStore, Store
from tests.contracts.store import StoreContract

pytestmark = pytest.mark.anyio


class TestMemoryStore(StoreContract):
    def make_store(self) -> Store:
        return MemoryStore()


def test_a_dropped_namespace_is_empty_and_its_neighbours_are_not() -> None:
    store = MemoryStore()
    store.put("a", "x", b"1")
    store.put("b", "x", b"2")
    store.drop("a")
    store.drop("never there")
    assert store.get("a", "x") is None
    assert store.get("b", "x") == b"2"


@pytest.mark.item(176)
def test_a_namespace_that_was_emptied_leaves_nothing_behind() -> None:
    store = MemoryStore()
    for number in range(100):
        store.put(f"place {number}", "x", b"1")
        store.delete(f"place {number}", "x")
    assert store._spaces == {}
