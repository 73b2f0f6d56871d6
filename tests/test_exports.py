"""What a package exports is what its `__all__` says: sorted, complete, and nothing else that a reader would take for public."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = [
    ".".join(file.parent.relative_to(ROOT).parts)
    for package in ("supervisor", "actors")
    for file in sorted((ROOT / package).rglob("__init__.py"))
    if "__all__" in file.read_text()
]


def in_order(name: str) -> tuple[int, str]:
    """Constants, classes, functions, each by name: as ruff's RUF022 sorts."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


@pytest.mark.parametrize("name", PACKAGES)
def test_all_is_sorted_and_names_what_exists(name: str) -> None:
    module = importlib.import_module(name)
    assert list(module.__all__) == sorted(set(module.__all__), key=in_order)
    assert [one for one in module.__all__ if not hasattr(module, one)] == []


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_exports_all_that_it_shows(name: str) -> None:
    module = importlib.import_module(name)
    assert [one for one in module.__all__ if not hasattr(module, one)] == []  # loads what is loaded when it is first used
    shown = {key for key, value in vars(module).items() if not key.startswith("_") and not isinstance(value, ModuleType)}
    assert shown - {"annotations"} == set(module.__all__)


def test_tracebacks_name_the_package_and_not_the_module() -> None:
    supervisor = importlib.import_module("supervisor")
    classes = [getattr(supervisor, name) for name in supervisor.__all__ if isinstance(getattr(supervisor, name), type)]
    assert [kind for kind in classes if kind.__module__ != "supervisor"] == []
