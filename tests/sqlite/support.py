"""What the tests of the SQLite store have in common."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from supervisor import (
    SqliteStore,
    StoreError,
)


@asynccontextmanager
async def opened(path: Path, **kwargs: Any) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path, **kwargs)
    reports: list[StoreError | None] = []
    store.open(reports.append)
    store.reports = reports
    try:
        yield store
    finally:
        await store.close()


def as_others_see_it(path: Path) -> dict[tuple[str, str], bytes]:
    """What is durable, without the store."""
    with closing(sqlite3.connect(path)) as connection:
        return {(space, key): value for space, key, value in connection.execute("SELECT namespace, key, value FROM state")}
