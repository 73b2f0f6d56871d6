"""FallbackOptions: how soon the fallbacks are put in force, how slowly they are lifted, and what matters most."""

from __future__ import annotations

from typing import Any

from attrs import Attribute, field, frozen

from actors.errors.checks import kind_of, number, refuse, seconds
from actors.market import Feed
from supervisor.backoff import is_number

__all__ = ["FallbackOptions"]

FEEDS = frozenset(Feed)


def _names_something(text: object) -> bool:
    """Whether it is one of `trades`, `candles@1m`, `BTC/USDT`, `trades:BTC/USDT`, with or without a venue before the symbol."""
    if not isinstance(text, str):
        return False
    feed, colon, rest = text.partition(":")
    if feed.partition("@")[0] in FEEDS:
        return not colon or _is_symbol(rest)
    return _is_symbol(text)


def _is_symbol(text: str) -> bool:
    base, slash, quote = text.rpartition(":")[2].partition("/")
    return bool(base and slash and quote) and text.count(":") <= 1 and not text.startswith(":") and base == base.upper()


def _check_priorities(options: FallbackOptions, attribute: Attribute[Any], value: Any) -> None:
    if not isinstance(value, tuple) or not all(map(_names_something, value)):
        expected = 'feeds and symbols, most important first, for example priorities=("book", "trades:BTC/USDT", "ETH/USDT")'
        refuse(options, attribute, value, expected)


def _check_slowest(options: FallbackOptions, attribute: Attribute[Any], value: Any) -> None:
    least = options.poll_at_least
    if not is_number(value) or value < least:
        refuse(
            options, attribute, value, f"seconds, no less than poll_at_least={least!r}, for example slowest_poll={15 * least!r}"
        )


@frozen(kw_only=True)
class FallbackOptions:
    """How patient the fallbacks are. Times in seconds.

    Raises:
        SpecError: a field is out of its range; says what was given, what was expected and what to type.
    """

    poll: bool = field(default=True, validator=kind_of(bool, "True or False"))
    """Poll over REST at all."""
    poll_after: float = field(default=10.0, validator=seconds(10.0))
    """Without data from a link's socket, until it is polled over REST."""
    poll_lift_after: float = field(default=10.0, validator=seconds(10.0))
    """For which its socket has to deliver, until the polling ends."""
    poll_share: float = field(default=0.5, validator=number(lambda value: 0 < value <= 1, "a share above 0 and up to 1", "0.5"))
    """Of the exchange's REST weight that all polling together may spend."""
    poll_at_least: float = field(default=1.0, validator=seconds(1.0))
    """Between two polls of a link, however light they are."""
    slowest_poll: float = field(default=15.0, validator=_check_slowest)
    """Between two polls; where it would take longer, some subscriptions are given up."""
    slow_poll_for: float = field(default=120.0, validator=seconds(120.0))
    """For which something has to be polled, until subscriptions are given up because it takes too long."""
    cache_after: float = field(default=5.0, validator=seconds(5.0))
    """Without data of any source, until the last known values are said again, as stale ones."""
    cache_lift_after: float = field(default=2.0, validator=seconds(2.0))
    rate_lift_after: float = field(default=300.0, validator=seconds(300.0))
    """In which nothing was short, until connections are no longer merged."""
    rate_helps_within: float = field(default=60.0, validator=seconds(60.0))
    """After which merged connections are not enough, and some subscriptions are given up."""
    pressure_fresh: float = field(default=60.0, validator=seconds(60.0))
    """That a report of something short counts, where no other follows."""
    partial_after: float = field(default=10.0, validator=seconds(10.0))
    """Of too much to do, until some subscriptions are given up; and as long again, until it is more of them."""
    partial_lift_after: float = field(default=60.0, validator=seconds(60.0))
    longest: float = field(default=3600.0, validator=seconds(3600.0))
    """No lifting waits for more than this: each waits twice as long when its fallback came back at once."""
    priorities: tuple[str, ...] = field(default=(), validator=_check_priorities)
    """Feeds and symbols, most important first: what nothing here fits is given up first, and of that what was wanted last.
    `trades`, `candles@1m`, `BTC/USDT`, `trades:BTC/USDT`."""
    trouble_after: float = field(default=30.0, validator=seconds(30.0))
    """That a link stays failed, or is polled, until its recovery is asked for; and between two times that it is."""
