"""`SqliteStore` passes the contract of every store."""

from __future__ import annotations

import anyio
import pytest

from supervisor import (
    SqliteStore,
)
from supervisor.store import Store
from tests.contracts.store import StoreContract

pytestmark = pytest.mark.anyio


class TestSqliteStore(StoreContract):
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        self.path = tmp_path_factory.mktemp("store")
        self.made = 0

    def make_store(self) -> Store:
        self.made += 1
        store = SqliteStore(self.path / f"{self.made}.sqlite")
        store.open()
        assert store._file is not None
        store._file.writer.execute("PRAGMA synchronous = OFF")  # many stores are made here, and none is to survive
        return store

    def drop_store(self, store: Store) -> None:
        assert isinstance(store, SqliteStore)
        anyio.run(store.close)
