"""How specs and running children are put into words."""

from __future__ import annotations

import re

import msgspec
import pytest

from actors.cli import app
from supervisor import commands
from supervisor.commands import verbs
from supervisor.commands.drawing import describe, describe_child, printable
from supervisor.spec import ActorSpec, DynamicSupervisorSpec, SupervisorSpec
from tests.commands.support import child


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain · ü 漢", "plain · ü 漢"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\nb\r", "a\\nb\\r"),
        ("\u202e", "\\u202e"),
        ("\x00\x9b", "\\x00\\x9b"),
    ],
)
def test_only_what_can_be_printed_is(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_every_field_of_a_spec_is_drawn_or_is_what_it_is_by_default() -> None:
    """A new field of a spec that nobody draws would be one that nobody sees."""
    drawn = {"id", "restart", "shutdown", "significant", "backoff", "on_error", "start", "run", "name", "mailbox", "store"}
    drawn |= {"start_timeout", "watchdog", "children", "strategy", "intensity", "auto_shutdown", "scoped", "contains_stop"}
    drawn |= {"max_children"}
    fields = {field.name for kind in (ActorSpec, SupervisorSpec, DynamicSupervisorSpec) for field in kind.__attrs_attrs__}
    assert fields - drawn == set()


def test_a_spec_says_all_that_differs_from_the_default() -> None:
    from supervisor import (
        KILL,
        Actor,
        AutoShutdown,
        Backoff,
        BackoffKind,
        Conflate,
        Exhausted,
        Intensity,
        Mailbox,
        MemoryStore,
        Name,
        OnRestart,
        Restart,
        Scope,
        TaskSpec,
    )
    from supervisor.policies import OnError

    spec = ActorSpec(
        "a",
        Actor,
        restart=Restart.TRANSIENT,
        shutdown=KILL,
        significant=True,
        backoff=Backoff(2.0, kind=BackoffKind.FIXED, give_up_after=3),
        on_error={ValueError: OnError.RESUME},
        name=Name("n"),
        mailbox=Mailbox(5, Conflate(str), OnRestart.DROP),
        store=MemoryStore(),
        start_timeout=1.0,
        watchdog=2.0,
    )
    assert " · ".join(describe(spec)) == (
        "actor · transient · killed at once · backoff 2 s, gives up after 3 · name 'n' · significant"
        " · on error: ValueError resume · mailbox 5 conflating, emptied at a restart · watchdog 2 s"
        " · start within 1 s · store MemoryStore"
    )
    many = DynamicSupervisorSpec(
        "d",
        max_children=3,
        intensity=Intensity(1, 2.0, Scope.CHILD, Exhausted.GIVE_UP),
        auto_shutdown=AutoShutdown.ALL_SIGNIFICANT,
        scoped=True,
        contains_stop=True,
    )
    assert " · ".join(describe(many)) == (
        "dynamic supervisor · permanent · 1 restarts in 2 s for each child, then gives up on it · at most 3 children"
        " · auto shutdown: all_significant · names scoped · contains a stop of the tree · stops in its own time"
    )
    assert describe(TaskSpec("t", print)) == ("task", "permanent", "stops within 5 s")


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.0, "0.0 s"), (61.0, "1 min 1 s"), (7_260.0, "2 h 1 min"), (90_000.0, "1 d 1 h")]
)
def test_an_uptime_is_said_as_people_say_it(seconds: float, words: str) -> None:
    failed = child(phase="restarting", incarnation=3, uptime=seconds, failures=1, restarts_in_window=2, backoff_left=1.25)
    told = msgspec.structs.replace(failed, last_exit="Killed\n  it", mailbox=4, dropped=9)
    assert describe_child(told) == (
        "restarting",
        "life 3",
        f"up {words}",
        "2/5 restarts",
        "next in 1.2 s",
        "4 queued",
        "9 dropped",
        "last: Killed it",
    )


def test_a_budget_is_shown_on_the_row_of_whose_it_is() -> None:
    assert "2/5 restarts" in describe_child(child(restarts_in_window=2))
    assert describe_child(child(restarts_in_window=0)) == ("running", "life 1", "up 0.0 s")


def test_every_command_is_named_in_the_help_with_the_exit_codes() -> None:
    names = {name for name in app if not name.startswith("-")}
    assert {"check", "tree", "doctor", "demo", "simulate"} <= names
    assert all(app[name].help for name in names)
    for code in (commands.GOOD, commands.BROKEN, commands.WRONG, commands.INTERRUPTED, commands.UNREAD):
        assert re.search(rf"\b{code}\b", str(app.help_epilogue))
        assert re.search(rf"^ +{code}\b", str(verbs.__doc__), re.MULTILINE)
