"""An answer over HTTP, and what a request asks for: shared by every dialect and by the control endpoint."""

from __future__ import annotations

import http
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, unquote, urlsplit

from attrs import field, frozen

__all__ = ["HttpAnswer", "Query", "phrase_of", "split_target"]

Query = Mapping[str, Sequence[str]]


@frozen
class HttpAnswer:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(factory=dict)
    content_type: str = "application/json;charset=UTF-8"


def split_target(target: str) -> tuple[str, dict[str, list[str]]]:
    """Path and query of a request, both percent-decoded."""
    # A path may begin with two slashes, which urlsplit would take for a host.
    parts = urlsplit("/" + target.lstrip("/"))
    return unquote(parts.path), parse_qs(parts.query, keep_blank_values=True)


def phrase_of(status: int) -> str:
    """What stands beside a status; proxies use some that are in no standard."""
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
