"""Paths in the tree, as the journal takes them apart."""

from __future__ import annotations

import re

__all__ = ["parent_of", "plain"]


def parent_of(path: str) -> str:
    """The path of the supervisor; of the root, nothing."""
    return path.rpartition("/")[0]


def plain(path: str) -> str:
    """The path of the spec: a dynamic supervisor numbers ids that it has already."""
    return re.sub(r"#\d+", "", path)
