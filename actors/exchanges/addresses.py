"""Endpoints from addresses, numbered by role: `stream-1`, `rest-1`."""

from __future__ import annotations

from collections.abc import Sequence

from actors.ports import Endpoint, Role

__all__ = ["endpoints_of"]


def endpoints_of(role: Role, urls: Sequence[str], schemes: tuple[str, ...]) -> list[Endpoint]:
    """The endpoints of a role, in order of preference.

    Raises:
        ValueError: there is no address, or one of another form.
    """
    if not urls:
        raise ValueError(f"no {role.value} address given, expected at least one {schemes[-1]}host")
    for url in urls:
        if not url.startswith(schemes):
            raise ValueError(f"{url!r} is no {role.value} address, expected {' or '.join(schemes)}host[:port]")
    return [Endpoint(f"{role.value}-{n}", role, url.rstrip("/")) for n, url in enumerate(urls, start=1)]
