"""What every `Store` promises. A test module subclasses `StoreContract` and says by `make_store` what is to be tested."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from supervisor.store import Store

pytestmark = pytest.mark.anyio


class StoreContract(ABC):
    """Subclass it, name the subclass `Test...`, and define `make_store`."""

    @abstractmethod
    def make_store(self) -> Store:
        """A new, empty store, open if it is one that has to be opened."""

    def drop_store(self, store: Store) -> None:  # noqa: B027  # most stores have nothing to let go of
        """The test is over."""

    @pytest.fixture
    def store(self) -> Iterator[Store]:
        store = self.make_store()
        yield store
        self.drop_store(store)

    def test_it_is_a_store(self, store: Store) -> None:
        assert isinstance(store, Store)

    def test_nothing_is_found_where_nothing_was_put(self, store: Store) -> None:
        assert store.get("a", "x") is None
        assert list(store.scan("a")) == []

    def test_what_was_put_is_found(self, store: Store) -> None:
        store.put("a", "x", b"1")
        assert store.get("a", "x") == b"1"

    def test_a_put_replaces(self, store: Store) -> None:
        store.put("a", "x", b"1")
        store.put("a", "x", b"2")
        assert store.get("a", "x") == b"2"
        assert list(store.scan("a")) == [("x", b"2")]

    def test_namespaces_do_not_mix(self, store: Store) -> None:
        store.put("a", "x", b"1")
        store.put("a/b", "x", b"2")
        assert (store.get("a", "x"), store.get("a/b", "x")) == (b"1", b"2")
        assert list(store.scan("a")) == [("x", b"1")]

    def test_what_was_deleted_is_gone(self, store: Store) -> None:
        store.put("a", "x", b"1")
        store.put("a", "y", b"2")
        store.delete("a", "x")
        assert store.get("a", "x") is None
        assert list(store.scan("a")) == [("y", b"2")]

    def test_deleting_nothing_is_no_error(self, store: Store) -> None:
        store.delete("a", "x")
        store.put("a", "y", b"1")
        store.delete("a", "x")
        assert store.get("a", "y") == b"1"

    def test_a_scan_is_in_the_order_of_keys(self, store: Store) -> None:
        for key in ("b", "", "a", "ab", "é", "10", "9"):
            store.put("a", key, key.encode())
        assert [key for key, _ in store.scan("a")] == sorted(["b", "", "a", "ab", "é", "10", "9"])

    def test_a_store_may_be_changed_while_it_is_scanned(self, store: Store) -> None:
        for key in "abc":
            store.put("a", key, b"1")
        for key, _ in store.scan("a"):
            store.delete("a", key)
            store.put("a", key + key, b"2")
        assert [key for key, _ in store.scan("a")] == ["aa", "bb", "cc"]

    @pytest.mark.parametrize("value", [b"", b"\x00\xff", b"x" * 100_000], ids=["empty", "binary", "long"])
    def test_values_are_bytes_of_any_kind(self, store: Store, value: bytes) -> None:
        store.put("a", "x", value)
        assert store.get("a", "x") == value

    def test_a_namespace_with_many_keys_is_scanned_whole(self, store: Store) -> None:
        for number in range(500):
            store.put("a", f"{number:03}", b"%d" % number)
        for number in range(0, 500, 2):
            store.delete("a", f"{number:03}")
        assert [int(value) for _, value in store.scan("a")] == list(range(1, 500, 2))

    @pytest.mark.parametrize("text", ["", "\x00", "a\x00b", "a/b", "%", "'", "ü€😀"], ids=ascii)
    def test_keys_and_namespaces_are_any_text(self, store: Store, text: str) -> None:
        store.put(text, text, b"1")
        store.put(text + "\x00", text, b"2")
        store.put(text, text + "\x00", b"3")
        assert (store.get(text, text), store.get(text + "\x00", text)) == (b"1", b"2")
        assert list(store.scan(text)) == [(text, b"1"), (text + "\x00", b"3")]

    def test_what_was_deleted_can_be_put_again(self, store: Store) -> None:
        store.put("a", "x", b"1")
        store.delete("a", "x")
        assert store.get("a", "x") is None
        store.put("a", "x", b"2")
        assert store.get("a", "x") == b"2"

    def test_a_value_is_kept_as_it_was_when_it_was_put(self, store: Store) -> None:
        value = bytearray(b"1")
        store.put("a", "x", value)
        value[0] = 50
        assert store.get("a", "x") == b"1"

    async def test_what_was_flushed_is_changed_like_anything_else(self, store: Store) -> None:
        for key in "xyz":
            store.put("a", key, b"1")
        await store.flush()
        store.put("a", "x", b"2")
        store.delete("a", "y")
        assert [store.get("a", key) for key in "xyz"] == [b"2", None, b"1"]
        assert list(store.scan("a")) == [("x", b"2"), ("z", b"1")]
        await store.flush()
        assert list(store.scan("a")) == [("x", b"2"), ("z", b"1")]

    async def test_a_flush_changes_nothing_that_is_seen(self, store: Store) -> None:
        await store.flush()
        store.put("a", "x", b"1")
        await store.flush()
        assert store.get("a", "x") == b"1"

    names = st.sampled_from(["a", "b", "a/b"])

    # One method, run by each subclass: what hypothesis warns of is the point here.
    @settings(deadline=None, max_examples=50, print_blob=True, suppress_health_check=[HealthCheck.differing_executors])
    @given(st.lists(st.tuples(st.sampled_from(["put", "delete"]), names, names, st.binary(max_size=3)), max_size=25))
    def test_any_sequence_is_as_with_a_dict(self, moves: list[tuple[str, str, str, bytes]]) -> None:
        store, model = self.make_store(), dict[tuple[str, str], bytes]()
        for verb, space, key, value in moves:
            if verb == "put":
                store.put(space, key, value)
                model[space, key] = value
            else:
                store.delete(space, key)
                model.pop((space, key), None)
            assert store.get(space, key) == model.get((space, key))
        for space in ("a", "b", "a/b"):
            assert list(store.scan(space)) == sorted((key, value) for (where, key), value in model.items() if where == space)
        self.drop_store(store)
