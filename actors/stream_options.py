"""StreamOptions: how patient a stream is, and how much it puts up with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import Attribute, field, frozen

from actors.errors.checks import count, kind_of, refuse, seconds
from actors.market import Feed
from supervisor import Backoff
from supervisor.backoff import is_number

__all__ = ["StreamOptions"]


def _check_silence(options: StreamOptions, attribute: Attribute[Any], value: Any) -> None:
    fine = isinstance(value, Mapping) and all(
        isinstance(feed, Feed) and is_number(patience) and patience > 0 for feed, patience in value.items()
    )
    if not fine:
        feeds = ", ".join(f"Feed.{feed.name}" for feed in Feed)
        expected = f"seconds above 0 for any of {feeds}, for example silence={{Feed.TRADES: 60.0}}"
        refuse(options, attribute, value, expected)


@frozen(kw_only=True)
class StreamOptions:
    """How patient a stream is. Times in seconds.

    Raises:
        SpecError: a field is out of its range; says what was given, what was expected and what to type.
    """

    silence: Mapping[Feed, float] = field(factory=dict, validator=_check_silence)
    """How long each feed may be quiet on an open connection, as long as its own pace is not known; where nothing is said, as
    the adapter says."""
    learn: bool = field(default=True, validator=kind_of(bool, "True or False"))
    """Learn each subscription's own pace, and take for silence what is out of it."""
    least_pause: float = field(default=1.0, validator=seconds(1.0))
    """No pause that is learned is shorter: a network may take that long to send something again."""
    fill_within: float = field(default=10.0, validator=seconds(10.0))
    """How long what came after a hole in numbered events is held back while the hole is filled."""
    settle_within: float = field(default=10.0, validator=seconds(10.0))
    """How long a new connection may take to deliver before it replaces one that still does."""
    spare: bool = field(default=False, validator=kind_of(bool, "True or False"))
    """Keep one more connection open without subscriptions, to take over at once."""
    stale_every: float = field(default=5.0, validator=seconds(5.0))
    """How often the last known value is said again while the cache fallback is in force."""
    beat: float = field(default=1.0, validator=seconds(1.0))
    """How often it looks after itself and reports its vitals."""
    book_levels: int = field(default=20, validator=count(20))
    """Levels per side that a `Book` event carries."""
    bad_frames: int = field(default=100, validator=count(100))
    """Unusable frames within `bad_frames_within` that are a flood."""
    bad_frames_within: float = field(default=10.0, validator=seconds(10.0))
    reconnect: Backoff = field(default=Backoff(initial=1.0, maximum=30.0, jitter=0.1), validator=kind_of(Backoff, "a Backoff"))
