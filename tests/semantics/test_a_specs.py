"""A. Specs, flags, defaults."""

from __future__ import annotations

import math
from typing import Any

import pytest

from supervisor import (
    KILL,
    ActorSpec,
    AutoShutdown,
    ChildNotFound,
    DynamicSupervisorSpec,
    Intensity,
    Restart,
    SpecError,
    Strategy,
    SupervisorSpec,
    TaskSpec,
)
from supervisor.spec import check_children
from tests.semantics.actors import Journal, Recorder, actor, many, opened, sleep, tree

pytestmark = pytest.mark.anyio


@pytest.mark.item(1)
async def test_defaults_are_readable_back_in_full() -> None:
    journal = Journal()
    spec = actor(journal, "a")
    async with opened(tree(spec, many("m"), tree(id="s"))) as root:
        assert root.get_childspec("a") == spec
        for id, shutdown in (("a", 5.0), ("m", math.inf), ("s", math.inf)):
            found = root.get_childspec(id)
            assert (found.restart, found.shutdown, found.significant, found.backoff) == (
                Restart.PERMANENT,
                shutdown,
                False,
                None,
            )
        with pytest.raises(ChildNotFound):
            root.get_childspec("x")


@pytest.mark.item(2)
async def test_a_supervisor_is_one_for_one_with_5_restarts_in_10_seconds() -> None:
    spec = SupervisorSpec("s")
    assert (spec.strategy, spec.auto_shutdown) == (Strategy.ONE_FOR_ONE, AutoShutdown.NEVER)
    assert (spec.intensity.restarts, spec.intensity.within) == (5, 10.0)
    assert DynamicSupervisorSpec("d").intensity == spec.intensity


@pytest.mark.item(3)
@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"restart": "always"}, "restart"),
        ({"shutdown": -1}, "shutdown"),
        ({"shutdown": "soon"}, "shutdown"),
        ({"shutdown": True}, "shutdown"),
        ({"shutdown": math.nan}, "shutdown"),
        ({"significant": 1}, "significant"),
        ({"backoff": 3}, "backoff"),
        ({"run": "text"}, "run"),
        ({"id": ""}, "id"),
        ({"id": 3}, "id"),
        ({"start_timeout": 0}, "start_timeout"),
    ],
)
async def test_a_bad_field_is_refused_by_name_and_value(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(SpecError) as caught:
        TaskSpec(**{"id": "a", "run": sleep, **fields})
    assert caught.value.field == f"TaskSpec.{named}"
    assert repr(fields[named]) in str(caught.value)


@pytest.mark.item(3)
async def test_a_missing_id_or_start_is_refused() -> None:
    with pytest.raises(TypeError):
        TaskSpec()
    with pytest.raises(TypeError):
        ActorSpec("a")


@pytest.mark.item(3)
async def test_what_is_no_spec_is_refused() -> None:
    with pytest.raises(SpecError, match="specs only"):
        SupervisorSpec("s", [sleep])
    async with opened(tree()) as root:
        with pytest.raises(SpecError):
            await root.start_child(sleep)


@pytest.mark.item(4)
@pytest.mark.parametrize("shutdown", [0, 2.5, math.inf, KILL])
async def test_every_shutdown_is_valid_for_workers_and_supervisors(shutdown: Any) -> None:
    spec = tree(
        TaskSpec("t", sleep, shutdown=shutdown),
        actor(Journal(), "a", shutdown=shutdown),
        tree(TaskSpec("t", sleep), id="s", shutdown=shutdown),
        many("m", shutdown=shutdown),
    )
    async with opened(spec) as root:
        assert root.count_children().active == 4


@pytest.mark.item(5)
@pytest.mark.parametrize(
    "make",
    [
        lambda: SupervisorSpec("s", strategy="one_for_one"),
        lambda: SupervisorSpec("s", auto_shutdown="never"),
        lambda: SupervisorSpec("s", intensity=3),
        lambda: Intensity(-1),
        lambda: Intensity(math.inf),
        lambda: Intensity(1.5),
        lambda: Intensity(True),
        lambda: Intensity(1, 0),
        lambda: Intensity(1, -1),
        lambda: Intensity(1, math.inf),
        lambda: Intensity(1, math.nan),
    ],
)
async def test_bad_flags_are_refused(make: Any) -> None:
    with pytest.raises(SpecError):
        make()


@pytest.mark.item(6)
async def test_an_id_twice_is_refused() -> None:
    with pytest.raises(SpecError, match="twice"):
        SupervisorSpec("s", [TaskSpec("a", sleep), TaskSpec("a", sleep)])


@pytest.mark.item(7)
@pytest.mark.parametrize("restart", list(Restart))
@pytest.mark.parametrize("auto", list(AutoShutdown))
@pytest.mark.parametrize("where", ["static", "start_child", "checker", "dynamic"])
async def test_significant_children(restart: Restart, auto: AutoShutdown, where: str) -> None:
    if restart is Restart.PERMANENT:
        with pytest.raises(SpecError, match="significant"):
            TaskSpec("a", sleep, restart=restart, significant=True)
        return
    child = TaskSpec("a", sleep, restart=restart, significant=True)

    async def attempt() -> None:
        if where == "static":
            SupervisorSpec("s", [child], auto_shutdown=auto)
        elif where == "checker":
            check_children([child], auto)
        else:
            spec = many(auto_shutdown=auto) if where == "dynamic" else tree(auto_shutdown=auto)
            async with opened(spec) as root:
                try:
                    await root.start_child(child)
                finally:
                    assert root.count_children().specs == (auto is not AutoShutdown.NEVER)

    if auto is AutoShutdown.NEVER:
        with pytest.raises(SpecError, match="significant"):
            await attempt()
    else:
        await attempt()


@pytest.mark.item(8)
async def test_a_list_can_be_checked_without_starting_anything() -> None:
    journal = Journal()
    check_children([actor(journal, "a"), actor(journal, "b")])
    with pytest.raises(SpecError):
        check_children([actor(journal, "a"), actor(journal, "a")])
    assert journal.lines == []


@pytest.mark.item(10)
async def test_unknown_keys_are_refused() -> None:
    with pytest.raises(TypeError):
        TaskSpec("a", sleep, shutdwon=3)
    with pytest.raises(TypeError):
        SupervisorSpec("a", intesity=3)


@pytest.mark.item(32)
async def test_a_spec_can_be_used_again_and_again() -> None:
    journal = Journal()
    spec = tree(actor(journal, "a"))
    for _ in range(2):
        async with opened(spec):
            pass
    assert journal.lines == ["+a", "-a"] * 2
    assert repr(spec)
    assert isinstance(spec.children[0], ActorSpec)
    assert isinstance(spec.children[0].start(), Recorder)


@pytest.mark.item(9)
@pytest.mark.parametrize("id", [1, 1.0, True, b"a", ("a",), None])
async def test_ids_are_texts_because_they_are_part_of_paths_so_none_equals_another_by_accident(id: Any) -> None:
    with pytest.raises(SpecError, match=r"TaskSpec.id is .*; expected a text"):
        TaskSpec(id, sleep)
