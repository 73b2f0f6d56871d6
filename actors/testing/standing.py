"""What an adapter says of itself, before anything is connected."""

from __future__ import annotations

import math
from collections.abc import Iterator

from actors.errors import UnknownInstrument
from actors.errors.base import cleaned
from actors.market import Feed, split_instrument
from actors.ports import Exchange, Role
from actors.testing.playback import subscription_of, wanted_by
from actors.testing.questions import asked
from actors.testing.recording import Recording
from actors.testing.rule import Finding, rules_of

__all__ = ["STANDING"]

SCHEMES = {Role.STREAM: ("ws://", "wss://"), Role.REST: ("http://", "https://")}
NEVER_AN_INSTRUMENT = ("", "/", "BTC", "BTC/", "/USDT", "btc/usdt", "venue:BTC/USDT")
NEED_AN_OPTION = {Feed.CANDLES: "intervals", Feed.PARTIAL_BOOK: "numbers of levels"}
HIDDEN = "***"


def endpoints(adapter: Exchange, _recording: Recording) -> Iterator[Finding]:
    """There are endpoints of each role, with names of their own, and a stream endpoint has an address to connect to."""
    names = [endpoint.name for endpoint in adapter.endpoints]
    if len(set(names)) != len(names):
        yield Finding(f"endpoints {names}", "each name once", "Breakers and metrics are kept by name: number them.")
    for role, schemes in SCHEMES.items():
        given = [endpoint for endpoint in adapter.endpoints if endpoint.role is role]
        if not given:
            yield Finding(f"no {role.value} endpoint", "at least one", "List the addresses, the preferred one first.")
        for endpoint in given:
            if not endpoint.url.startswith(schemes) or endpoint.url.endswith("/"):
                form = f"{' or '.join(schemes)}host[:port] without a slash at its end"
                yield Finding(f"{endpoint.name} at {endpoint.url!r}", form, "The path belongs into stream_url or a request.")
    for endpoint in adapter.endpoints:
        if endpoint.role is Role.STREAM and not adapter.stream_url(endpoint).startswith(endpoint.url):
            url = adapter.stream_url(endpoint)
            yield Finding(f"stream_url {url!r}", f"an address at {endpoint.url!r}", "Add the path to the endpoint's own url.")


def limits(adapter: Exchange, _recording: Recording) -> Iterator[Finding]:
    """Every limit is a positive number, and every request fits into the weight that is allowed."""
    given = adapter.limits
    for name in given.__struct_fields__:
        value = getattr(given, name)
        if not isinstance(value, bool) and (math.isnan(value) or value <= 0):
            yield Finding(
                f"limits.{name}={value!r}", "more than 0", "Look it up in the exchange's documentation; math.inf: none."
            )
    for name in ("messages", "attempts", "subscriptions", "weight"):
        if not isinstance(getattr(given, name), int):
            yield Finding(f"limits.{name}={getattr(given, name)!r}", "a whole number", "It counts something.")
    for request in asked(adapter, _recording):
        if not 1 <= request.weight <= given.weight:
            expected = f"1 to {given.weight}, the weight that is allowed"
            yield Finding(f"{request.path} with weight {request.weight}", expected, "It would never be granted.")


def instruments(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """`BTC/USDT` becomes the exchange's symbol, and its name leads back to it."""
    if len(recording.instruments) < 2:
        yield Finding(f"{len(recording.instruments)} instruments", "at least two", "Add 'instrument BASE/QUOTE SYMBOL' lines.")
    for canonical, native in recording.instruments.items():
        found = adapter.instrument(canonical)
        if (found.venue, found.native, found.canonical) != (adapter.venue, native, canonical):
            expected = f"venue {adapter.venue!r}, native {native!r}, canonical {canonical!r}"
            yield Finding(f"instrument({canonical!r}) is {found!r}", expected, "Translate the symbol in `instrument`.")
        elif split_instrument(str(found)) != (adapter.venue, canonical):
            yield Finding(
                f"it is printed as {found}", f"{adapter.venue}:{canonical}", "venue has no colon, canonical one slash."
            )


def unknown_instruments(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """What cannot be an instrument is refused at once, with UnknownInstrument."""
    for text in dict.fromkeys((*NEVER_AN_INSTRUMENT, *recording.unknown)):
        try:
            found: object = adapter.instrument(text)
        except UnknownInstrument:
            continue
        except Exception as error:  # noqa: BLE001 - which one it is, the finding says
            found = f"{type(error).__name__}: {error}"
        advice = "A wrong symbol is confirmed by many exchanges and never delivers: refuse it here."
        yield Finding(f"instrument({text!r}) gave {found}", "UnknownInstrument", advice)


def feeds(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """Each feed that is offered has a rule that can be used, and what is recorded is offered."""
    if not adapter.feeds:
        yield Finding("no feeds", "at least one", "Return {Feed.TRADES: FeedRule(...)} from `feeds`.")
    for feed, rule in adapter.feeds.items():
        if not rule.pause > 0 or rule.levels < 1:
            yield Finding(
                f"{feed.value}: pause={rule.pause!r}, levels={rule.levels!r}", "more than 0", "A pause is in seconds."
            )
        if len(set(rule.options)) != len(rule.options) or "" in rule.options:
            yield Finding(f"{feed.value}: options {rule.options}", "each once, none empty", "The usual one stands first.")
        if feed in NEED_AN_OPTION and not rule.options:
            expected = f"the {NEED_AN_OPTION[feed]} there are"
            yield Finding(f"{feed.value} without options", expected, f"FeedRule(options=(...)) for {feed!r}.")
    for conversation in recording.conversations:
        for wanted in wanted_by(adapter, conversation):
            offered = adapter.feeds.get(wanted.feed)
            if offered is None or wanted.option not in (offered.options or ("",)):
                yield Finding(f"{wanted} is recorded", "it is offered", "Add the feed, or its option, to `feeds`.")


def coverage(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """The recording shows everything that the adapter offers: what is not shown is not checked."""
    shown = {subscription_of(adapter, heard.subscription).feed for heard in recording.heard if heard.subscription}
    for feed in adapter.feeds:
        if feed not in shown:
            yield Finding(f"no delivery of {feed.value}", "one of each feed", f"Record one: '== delivery {feed.value}:…'.")
    meanings = {heard.meaning.value for heard in recording.heard}
    for word in ("ack", "refusal"):
        if word not in meanings | recording.never:
            yield Finding(f"no {word}", "one", f"Record one, or write 'never {word}' if the exchange has none.")
    answered = {step.question.value for step in recording.answered}
    can = {"symbols", "error", *_can_be_asked(adapter, recording)}
    for word in sorted(can - answered - recording.never):
        yield Finding(f"no answer to {word!r}", "one", f"Record 'get {word} …', or write 'never {word}'.")


def _can_be_asked(adapter: Exchange, recording: Recording) -> Iterator[str]:
    wanted = [one for conversation in recording.conversations for one in wanted_by(adapter, conversation)]
    if any(adapter.snapshot_request(one.instrument) for one in wanted if one.feed is Feed.BOOK):
        yield "snapshot"
    if any(adapter.fill_request(one, 1, 3) for one in wanted):
        yield "fill"
    if any(adapter.poll_request(one, None) for one in wanted):
        yield "poll"
    if adapter.time_request() is not None:
        yield "time"


def secrets(adapter: Exchange, recording: Recording) -> Iterator[Finding]:
    """Neither the adapter nor what it makes shows a secret when it is printed."""
    session = adapter.session()
    said = [text for conversation in recording.conversations for text in session.subscribe(wanted_by(adapter, conversation))]
    shown: list[object] = [adapter, session, *adapter.endpoints, *asked(adapter, recording), *said]
    for thing in shown:
        text = f"{thing!r} {thing}"
        if any(secret in text for secret in recording.secrets) or (HIDDEN in cleaned(text) and HIDDEN not in text):
            shows = f"the repr of {type(thing).__name__} shows a secret"  # not which
            yield Finding(shows, "none", "Use field(repr=False), or supervisor's Secret.")


STANDING = rules_of(endpoints, limits, instruments, unknown_instruments, feeds, coverage, secrets)
