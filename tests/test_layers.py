"""The floors of DESIGN.md, section 2: a module imports from lower floors of its package, and within its own without a cycle."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# A package inside a package stands for all its modules: `errors` is actors/errors/. A new module goes to the lowest floor that
# is above everything it imports.
FLOORS = {
    "supervisor": (
        """errors backoff checks exits policies accepts portability diagnostics messages secrets spec decisions budget children
        restart overflow agenda poison events snapshot""",
        """collector parking nursery loop_watch stopper timekeeper mailbox asking place ref spawned names topics reader
        telemetry store stores file_lock sqlite_file write_behind sqlite_store shelf runtime registries pool jobs""",
        "actor context signals loop",
        "child actor_life task_life branch portrait tree handle root control embedding threads",
        "testing commands __init__",
    ),
    "actors": (
        """errors resilience market feeds reconnection link_state vitals book fallbacks incidents stream_options alert_rules
        analysis""",
        "ports protocol transport exchanges delivery leasing rest_gate states health fleet streaming treatments",
        "connection_manager health_monitor state_manager recovery_worker recovery_manager stream stream_manager",
        "exchange_tree bot_tree",
        "fault_tolerance testing simulator demo drills explain_command cli __init__",
    ),
}
# DESIGN.md names these two itself. They shadow nothing as long as no file inside supervisor/ is run as a script.
DESIGNED = {"mailbox", "secrets"}


@cache
def modules(package: str) -> dict[str, set[str]]:
    """Each module of the package, and which modules of which package it imports: `supervisor.spec`."""
    found: dict[str, set[str]] = {}
    for file in sorted((ROOT / package).rglob("*.py")):
        name = file.relative_to(ROOT / package).parts[0].removesuffix(".py")
        found.setdefault(name, set()).update({*imports(ast.parse(file.read_text()))} - {f"{package}.{name}"})
    return found


def imports(tree: ast.AST) -> Iterator[str]:
    """What a module imports when it runs, from our two packages."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: a relative import; write the whole path"
            names = [f"{node.module}.{alias.name}" if node.module in FLOORS else str(node.module) for alias in node.names]
        for package, _, rest in (name.partition(".") for name in names):
            if package in FLOORS:
                known = (ROOT / package / rest.split(".")[0]).exists() or (ROOT / package / f"{rest.split('.')[0]}.py").exists()
                yield f"{package}.{rest.split('.')[0] if known and rest else '__init__'}"
        yield from imports(node)


def floor_of(package: str, module: str) -> int:
    for number, names in enumerate(FLOORS[package]):
        if module in names.split():
            return number
    raise AssertionError(f"{package}/{module} stands on no floor: add it to FLOORS in {__file__}, and to DESIGN.md section 2")


@pytest.mark.parametrize("package", FLOORS)
def test_every_module_stands_on_a_floor(package: str) -> None:
    for module in modules(package):
        floor_of(package, module)


@pytest.mark.parametrize("package", FLOORS)
def test_no_module_imports_from_a_higher_floor(package: str) -> None:
    upward = [
        f"{package}.{module} (floor {floor_of(package, module)}) imports {wanted} (floor {floor_of(*wanted.split('.'))})"
        for module, found in modules(package).items()
        for wanted in sorted(found)
        if wanted.startswith(f"{package}.") and floor_of(*wanted.split(".")) > floor_of(package, module)
    ]
    assert upward == []


@pytest.mark.parametrize("package", FLOORS)
def test_no_modules_import_each_other_in_a_circle(package: str) -> None:
    TopologicalSorter({f"{package}.{name}": found for name, found in modules(package).items()}).prepare()


@pytest.mark.parametrize("package", FLOORS)
def test_no_module_bears_a_name_of_the_standard_library(package: str) -> None:
    names = {part for file in (ROOT / package).rglob("*.py") for part in (file.stem, file.parent.name)}
    assert names & set(sys.stdlib_module_names) <= DESIGNED


def test_the_framework_knows_nothing_of_the_actors() -> None:
    assert [name for name, found in modules("supervisor").items() if any(one.startswith("actors") for one in found)] == []


def test_resilience_needs_nothing_of_the_actors_but_their_errors() -> None:
    found = modules("actors")["resilience"]
    assert {one for one in found if one.startswith("actors.")} <= {"actors.errors"}
