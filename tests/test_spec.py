from __future__ import annotations

import functools
import math
from itertools import product
from typing import Any

import pytest
from attrs import evolve
from attrs.exceptions import FrozenInstanceError

from supervisor.actor import Actor
from supervisor.backoff import Backoff
from supervisor.errors import SpecError
from supervisor.spec import (
    KILL,
    ActorSpec,
    AutoShutdown,
    ChildSpec,
    Conflate,
    DynamicSupervisorSpec,
    Exhausted,
    Intensity,
    Mailbox,
    Name,
    OnRestart,
    Overflow,
    Restart,
    Scope,
    Strategy,
    SupervisorSpec,
    TaskSpec,
    check_children,
    check_significance,
)
from supervisor.store import MemoryStore

NAN, INF = math.nan, math.inf


class Idle(Actor[int]):
    def receive(self, message: int) -> None: ...


async def run() -> None: ...


def actor(id: Any = "a", **more: Any) -> ActorSpec[int]:
    return ActorSpec(id, more.pop("start", Idle), **more)


def task(id: Any = "t", **more: Any) -> TaskSpec:
    return TaskSpec(id, more.pop("run", run), **more)


def top(children: Any = (), **more: Any) -> SupervisorSpec:
    return SupervisorSpec(more.pop("id", "top"), children, **more)


def dynamic(**more: Any) -> DynamicSupervisorSpec:
    return DynamicSupervisorSpec(more.pop("id", "top"), **more)


@pytest.mark.item(1)
def test_a_child_spec_has_otps_defaults() -> None:
    for spec in (actor(), task()):
        assert (spec.restart, spec.shutdown, spec.significant, spec.backoff) == (Restart.PERMANENT, 5.0, False, None)
    assert (top().shutdown, dynamic().shutdown) == (INF, INF)


@pytest.mark.item(2)
def test_a_supervisor_spec_has_our_defaults() -> None:  # D1
    assert (top().strategy, top().auto_shutdown) == (Strategy.ONE_FOR_ONE, AutoShutdown.NEVER)
    assert top().intensity == dynamic().intensity == Intensity(5, 10.0, scope=Scope.SUPERVISOR, exhausted=Exhausted.ESCALATE)
    assert dynamic().max_children is None


def test_a_mailbox_has_our_defaults() -> None:
    assert actor().mailbox == Mailbox(10_000, Overflow.DROP_NEWEST, OnRestart.KEEP)
    assert (actor().start_timeout, actor().watchdog, actor().store, actor().name) == (30.0, None, None, None)


NOT_TEXT = [None, 5, "", b"a", "a/b", ["a"]]
NOT_SECONDS = [None, "5", -1, -0.1, NAN, True, [], 10**400]
NOT_A_FLAG = [None, 0, 1, "yes"]
NOT_A_MEMBER = [None, 1, "permanent", "one_for_one", Restart]
WRONG: list[tuple[Any, str, str, list[Any]]] = [
    # item 3 and 5: which spec, its field as the error names it, the argument, values it refuses
    *[
        (make, f"{kind}.{field}", field, values)
        for make, kind in [
            (actor, "ActorSpec"),
            (task, "TaskSpec"),
            (top, "SupervisorSpec"),
            (dynamic, "DynamicSupervisorSpec"),
        ]
        for field, values in [
            ("id", NOT_TEXT),
            ("restart", NOT_A_MEMBER),
            ("shutdown", [*NOT_SECONDS, "KILL"]),
            ("significant", NOT_A_FLAG),
            ("backoff", [1.0, "fast", Backoff]),
        ]
    ],
    (actor, "ActorSpec.start", "start", [None, "Idle", 5]),
    (actor, "ActorSpec.name", "name", ["account", 5]),
    (actor, "ActorSpec.mailbox", "mailbox", [None, 100]),
    (actor, "ActorSpec.start_timeout", "start_timeout", [*NOT_SECONDS, 0]),
    (actor, "ActorSpec.watchdog", "watchdog", ["5", 0, -1, NAN, True]),
    (actor, "ActorSpec.store", "store", ["file.db", {}, object()]),
    (task, "TaskSpec.run", "run", [None, "run", 5]),
    (task, "TaskSpec.start_timeout", "start_timeout", [*NOT_SECONDS, 0]),
    (top, "SupervisorSpec.children", "children", [None, 5, actor()]),
    *[
        (make, f"{kind}.{field}", field, values)
        for make, kind in [(top, "SupervisorSpec"), (dynamic, "DynamicSupervisorSpec")]
        for field, values in [
            ("intensity", [None, 5, (5, 10.0)]),
            ("auto_shutdown", [None, "never", True]),
            ("scoped", NOT_A_FLAG),
            ("store", ["file.db", {}, object()]),
        ]
    ],
    (top, "SupervisorSpec.strategy", "strategy", NOT_A_MEMBER),
    (dynamic, "DynamicSupervisorSpec.max_children", "max_children", [-1, 1.5, "5", True]),
    (Intensity, "Intensity.restarts", "restarts", [-1, 1.5, INF, "5", None, True]),
    (Intensity, "Intensity.within", "within", [0, -1, INF, NAN, "10", None, True]),
    (Intensity, "Intensity.scope", "scope", NOT_A_MEMBER),
    (Intensity, "Intensity.exhausted", "exhausted", NOT_A_MEMBER),
    (Mailbox, "Mailbox.capacity", "capacity", [0, -1, 1.5, INF, None, "5", True]),
    (Mailbox, "Mailbox.overflow", "overflow", [None, "drop_oldest", Conflate]),
    (Mailbox, "Mailbox.on_restart", "on_restart", [None, "keep", True]),
    (Conflate, "Conflate.key", "key", [None, "id", 5]),
    (Name, "Name.key", "key", NOT_TEXT),
]


@pytest.mark.parametrize(
    ("make", "named", "argument", "value"),
    [
        pytest.param(make, named, argument, value, id=f"{named}={value!r:.20}")
        for make, named, argument, values in WRONG
        for value in values
    ],
)
def test_a_wrong_value_is_refused_by_field_and_value(make: Any, named: str, argument: str, value: Any) -> None:
    with pytest.raises(SpecError) as caught:
        make(**{argument: value})
    assert caught.value.field == named
    assert caught.value.value is value or caught.value.value == value
    assert str(caught.value).startswith(f"{named} is {value!r}; expected ")


@pytest.mark.item(10)
@pytest.mark.parametrize("make", [actor, task, top, dynamic, Intensity, Mailbox])
def test_an_unknown_key_is_refused(make: Any) -> None:  # D12
    with pytest.raises(TypeError, match="restrat"):
        make(restrat=Restart.PERMANENT)


@pytest.mark.item(3)
@pytest.mark.parametrize("kind", [ActorSpec, TaskSpec])
def test_what_to_start_cannot_be_left_out(kind: Any) -> None:
    with pytest.raises(TypeError):
        kind("a")
    with pytest.raises(TypeError):
        kind()


@pytest.mark.item(4, 63, 64)
@pytest.mark.parametrize("make", [actor, task, top, dynamic])
@pytest.mark.parametrize("shutdown", [0, 0.0, 2, 2.5, INF, KILL])
def test_every_kind_of_shutdown_is_legal_for_every_kind_of_child(make: Any, shutdown: Any) -> None:
    assert make(shutdown=shutdown).shutdown == shutdown


@pytest.mark.item(5, 37)
def test_no_restart_at_all_is_a_legal_intensity() -> None:
    assert Intensity(0).restarts == 0


# --------------------------------------------------------------------------------------------------------------- children


@pytest.mark.item(3)
@pytest.mark.parametrize("impostor", [None, "a", Idle, 5, ChildSpec("a"), object()], ids=lambda value: type(value).__name__)
def test_what_is_no_spec_is_no_child(impostor: Any) -> None:
    with pytest.raises(SpecError, match=r"SupervisorSpec\('top'\).children is .*; expected specs only"):
        top([actor("x"), impostor])


@pytest.mark.item(3)
@pytest.mark.parametrize("children", ["ab", {"a": 1}], ids=repr)
def test_what_is_no_list_of_specs_is_refused(children: Any) -> None:
    with pytest.raises(SpecError):
        top(children)


@pytest.mark.item(6)
def test_an_id_stands_once_among_siblings() -> None:
    with pytest.raises(SpecError, match=r"children is 'a'; expected ids that differ"):
        top([actor("a"), task("b"), task("a")])


@pytest.mark.item(6)
def test_an_id_may_stand_again_further_down() -> None:
    top([actor("a"), top([actor("a")], id="inner")])


def test_children_may_be_any_iterable_and_are_kept_as_a_tuple() -> None:
    assert top(task(key) for key in "ab").children == (task("a"), task("b"))


@pytest.mark.parametrize(
    ("make", "restart", "auto"),
    [*product([actor, task, top, dynamic], Restart, AutoShutdown)],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
@pytest.mark.parametrize("significant", [True, False])
def test_a_significant_child_ends_for_good_and_has_a_supervisor_that_heeds_it(
    make: Any, restart: Restart, auto: AutoShutdown, significant: bool
) -> None:  # 7, the full product
    legal = not significant or (restart is not Restart.PERMANENT and auto is not AutoShutdown.NEVER)
    try:
        top([make(id="x", restart=restart, significant=significant)], auto_shutdown=auto)
    except SpecError as error:
        assert not legal
        assert error.field.endswith("significant")  # noqa: PT017
    else:
        assert legal


@pytest.mark.item(7, 8)
def test_the_children_of_a_running_supervisor_are_checked_alike() -> None:
    child = task(restart=Restart.TEMPORARY, significant=True)
    with pytest.raises(SpecError, match=r"at bank: 't'\.significant is True"):
        check_significance(child, AutoShutdown.NEVER, where="at bank")
    check_significance(child, AutoShutdown.ALL_SIGNIFICANT, where="at bank")


@pytest.mark.item(8)
def test_a_list_of_children_can_be_checked_without_starting_anything() -> None:
    check_children([actor("a"), task("b")])
    with pytest.raises(SpecError, match="children is 'a'"):
        check_children([actor("a"), task("a")])


# ------------------------------------------------------------------------------------------------------------------- names

SAVINGS: Name[int] = Name("savings")


@pytest.mark.item(22, 128)
@pytest.mark.parametrize(
    "children",
    [
        [actor("a", name=SAVINGS), actor("b", name=SAVINGS)],
        [actor("a", name=SAVINGS), top([actor("b", name=SAVINGS)], id="inner")],
        [top([actor("a", name=SAVINGS)], id="inner"), actor("b", name=SAVINGS)],
        [top([actor("a", name=SAVINGS)], id="x"), top([actor("b", name=SAVINGS)], id="y")],
    ],
    ids=["siblings", "below", "above", "cousins"],
)
def test_a_name_is_given_once_where_both_would_be_seen(children: list[ChildSpec]) -> None:
    with pytest.raises(SpecError, match=r"ActorSpec\('.'\).name is 'savings'; expected a name of its own; '.' has this one"):
        top(children)


def test_a_name_may_stand_again_in_a_scope_of_its_own() -> None:
    inner = [actor("a", name=SAVINGS)]
    top([top(inner, id="x", scoped=True), top(inner, id="y", scoped=True), actor("b", name=SAVINGS)])


def test_a_name_prints_as_its_key() -> None:
    assert str(SAVINGS) == "savings"


# ------------------------------------------------------------------------------------------------------------ specs are values


def specs() -> list[Any]:
    policy = Conflate(len)
    full = actor("a", name=SAVINGS, mailbox=Mailbox(5, policy), backoff=Backoff(), watchdog=1.0, store=MemoryStore)
    return [actor(), task(), top([task()]), dynamic(max_children=3), Intensity(), Mailbox(), policy, SAVINGS, full]


@pytest.mark.parametrize("number", range(len(specs())))
def test_a_spec_is_equal_to_its_like_and_has_its_hash(number: int) -> None:
    spec = specs()[number]
    like = specs()[number]
    assert spec == like
    assert hash(spec) == hash(like)
    assert {spec: 1}[like] == 1


def test_a_spec_differs_where_a_field_differs() -> None:
    assert actor() != actor(shutdown=1.0)
    assert top([task()]) != top([task(backoff=Backoff())])


@pytest.mark.parametrize("number", range(len(specs())))
def test_a_spec_cannot_be_changed(number: int) -> None:
    spec = specs()[number]
    with pytest.raises(FrozenInstanceError):
        setattr(spec, next(iter(type(spec).__attrs_attrs__)).name, None)


def test_a_changed_copy_is_checked_again() -> None:
    assert evolve(actor(), shutdown=KILL).shutdown is KILL
    with pytest.raises(SpecError):
        evolve(actor(), shutdown=-1)


def test_a_spec_prints_what_was_given() -> None:
    shown = repr(actor("till", mailbox=Mailbox(7)))
    assert shown.startswith("ActorSpec(id='till', restart=<Restart.PERMANENT")
    assert "capacity=7" in shown


def test_one_spec_can_stand_in_many_trees() -> None:
    shared = actor("a")
    assert top([shared]).children[0] is top([shared], id="other").children[0]


def test_an_intensity_prints_as_words() -> None:
    assert str(Intensity(3, 60.0)) == "3 restarts in 60 s"


def test_arguments_are_given_by_partial() -> None:
    assert actor(start=functools.partial(Idle)).id == "a"


def test_an_intensity_can_be_written_in_one_go() -> None:
    own = Intensity(5, 60.0, Scope.CHILD, Exhausted.GIVE_UP)
    assert own == Intensity(restarts=5, within=60.0, scope=Scope.CHILD, exhausted=Exhausted.GIVE_UP)
