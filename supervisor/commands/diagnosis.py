"""Whether this machine and this environment can run trees: what `oneforone doctor` looks at. Nothing leaves the machine."""

from __future__ import annotations

import importlib.util
import platform
import re
import sys
import time
from collections.abc import Callable, Iterator
from enum import Enum
from importlib import metadata
from pathlib import Path
from typing import Any

import anyio
from attrs import frozen

from supervisor.actor import Actor
from supervisor.embedding import open_supervisor
from supervisor.messages import Request
from supervisor.spec import ActorSpec, SupervisorSpec

__all__ = ["Diagnosis", "Health", "diagnose"]

DISTRIBUTION = "oneforone"
FEW_FILES = 1_024
COARSE = 0.02
"""Seconds: a clock that ticks no finer makes short timers late."""
OLD_SQLITE = (3, 24, 0)


class Health(Enum):
    """How one thing is."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@frozen
class Diagnosis:
    """One thing that was looked at."""

    what: str
    health: Health
    sentence: str


def diagnose() -> list[Diagnosis]:
    """Look at everything. Runs a small tree on each event loop that is installed, so it is called outside of one."""
    looks: list[Callable[[], Iterator[Diagnosis]]] = [_python, _libraries, _package, _loops, _sqlite, _files, _clock]
    found: list[Diagnosis] = []
    for look in looks:
        try:
            found += look()
        except Exception as error:  # noqa: BLE001  # one look that fails must not hide what the others see
            found.append(Diagnosis(look.__name__.strip("_"), Health.BAD, f"could not be looked at: {error!r}"))
    return found


def _python() -> Iterator[Diagnosis]:
    here = platform.python_version()
    try:
        needed = metadata.metadata(DISTRIBUTION)["Requires-Python"] or ""
    except metadata.PackageNotFoundError:
        yield Diagnosis(DISTRIBUTION, Health.BAD, "not installed as a distribution; type: pip install oneforone")
        return
    good = at_least(here, needed.removeprefix(">="))
    yield Diagnosis("python", Health.GOOD if good else Health.BAD, f"{here} ({needed} needed) on {platform.system()}")


def _libraries() -> Iterator[Diagnosis]:
    try:
        lines = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return  # said already
    for line in lines:
        wanted = re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?>=([0-9.]+)\s*(;.*)?$", line)
        if wanted is None:
            continue
        name, bound, marker = wanted.groups()
        extra = re.search(r"extra == ['\"](\w+)['\"]", marker or "")
        if extra is not None and extra[1] != "uvloop":
            continue  # the tools of who develops this
        yield from _library(name, bound, optional=extra is not None)


def _library(name: str, bound: str, *, optional: bool) -> Iterator[Diagnosis]:
    try:
        here = metadata.version(name)
    except metadata.PackageNotFoundError:
        if not optional:
            yield Diagnosis(name, Health.BAD, f"not installed; type: pip install '{name}>={bound}'")
        return
    if at_least(here, bound):
        yield Diagnosis(name, Health.GOOD, f"{here} (>={bound} needed)")
    else:
        yield Diagnosis(name, Health.BAD, f"{here}, and >={bound} is needed; type: pip install '{name}>={bound}'")


def at_least(version: str, bound: str) -> bool:
    """Whether a version is not below a bound, by the numbers at the start of both."""
    return _numbers(version) >= _numbers(bound)


def _numbers(version: str) -> tuple[int, ...]:
    found = [int(part) for part in re.findall(r"\d+", re.split(r"[^0-9.]", version)[0])]
    while found and found[-1] == 0:
        found.pop()  # 4.16 is 4.16.0
    return tuple(found)


def _package() -> Iterator[Diagnosis]:
    """PyPI's `supervisor`, the process manager, installs an import package of the same name."""
    spec = importlib.util.find_spec("supervisor")
    imported = Path(spec.origin).parent if spec is not None and spec.origin else None
    here = Path(__file__).parent.parent
    reinstall = "type: pip uninstall supervisor; pip install --force-reinstall oneforone"
    if imported is None or imported.resolve() != here.resolve():
        yield Diagnosis("supervisor", Health.BAD, f"`import supervisor` finds {imported}, and this is {here}; {reinstall}")
    else:
        yield Diagnosis("supervisor", Health.GOOD, f"`import supervisor` is ours: {here}")
    try:
        theirs = metadata.distribution("supervisor")
    except metadata.PackageNotFoundError:
        return
    sentence = f"PyPI's supervisor {theirs.version}, the process manager, is installed too and has the same files; {reinstall}"
    yield Diagnosis("supervisor", Health.BAD, sentence)


# ------------------------------------------------------------------------------------------------------- event loops


class _Ping(Request[int], frozen=True):
    """Answer."""


class _Pong(Actor[_Ping]):
    """Answers."""

    def receive(self, message: _Ping) -> int:
        return self.context.incarnation


async def _tiny_tree() -> None:
    """Start a tree of one actor, ask it, stop it. Cancellation: stops it in order."""
    with anyio.fail_after(5.0):
        async with open_supervisor(SupervisorSpec("doctor", [ActorSpec("pong", _Pong)]), sinks=[lambda _: None]) as root:
            if await root.child("pong").ask(_Ping(), timeout=3.0) != 1:
                raise RuntimeError("the actor answered something else")


def _loops() -> Iterator[Diagnosis]:
    loops: dict[str, tuple[str, dict[str, Any]]] = {"trio": ("trio", {}), "asyncio": ("asyncio", {})}
    if importlib.util.find_spec("uvloop") is not None:
        loops["uvloop"] = ("asyncio", {"use_uvloop": True})
    for name, (backend, options) in loops.items():
        began = time.perf_counter()
        try:
            anyio.run(_tiny_tree, backend=backend, backend_options=options)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is what is to be said
            yield Diagnosis(f"{name} loop", Health.BAD, f"a tree of one actor does not run: {error!r}")
        else:
            took = 1000 * (time.perf_counter() - began)
            yield Diagnosis(f"{name} loop", Health.GOOD, f"a tree of one actor ran in {took:.0f} ms")
    if "uvloop" not in loops:
        yield Diagnosis("uvloop loop", Health.GOOD, "not installed, and not needed; pip install 'oneforone[uvloop]' for it")


# ------------------------------------------------------------------------------------------------------- the machine


def _sqlite() -> Iterator[Diagnosis]:
    try:
        import sqlite3  # a Python can be built without it, and only durable stores need it
    except ImportError as error:
        yield Diagnosis("sqlite", Health.WARNING, f"this Python has none ({error}); state cannot be kept across processes")
        return
    modes = {0: "single thread", 1: "multi-thread", 3: "serialized"}
    sentence = f"{sqlite3.sqlite_version}, {modes.get(sqlite3.threadsafety, sqlite3.threadsafety)}"
    if sqlite3.sqlite_version_info < OLD_SQLITE:
        yield Diagnosis("sqlite", Health.BAD, f"{sentence}; at least {'.'.join(map(str, OLD_SQLITE))} is needed")
    elif sqlite3.threadsafety == 0:
        yield Diagnosis(
            "sqlite", Health.BAD, f"{sentence}; durable stores write on a thread of their own, and this one has no locks"
        )
    else:
        yield Diagnosis("sqlite", Health.GOOD, sentence)


def _files() -> Iterator[Diagnosis]:
    if sys.platform == "win32":
        return
    import resource  # not on every system

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = "as many as there are" if hard == resource.RLIM_INFINITY else str(hard)
    sentence = "no limit" if soft == resource.RLIM_INFINITY else f"at most {soft}"
    if soft != resource.RLIM_INFINITY and soft < FEW_FILES:
        advice = f"each connection is one; type: ulimit -n {FEW_FILES} (up to {most})"
        yield Diagnosis("open files", Health.WARNING, f"{sentence}; {advice}")
    else:
        yield Diagnosis("open files", Health.GOOD, sentence)


def _clock() -> Iterator[Diagnosis]:
    for clock in ("monotonic", "perf_counter"):
        info = time.get_clock_info(clock)
        sentence = f"ticks every {info.resolution:g} s"
        if not info.monotonic or info.adjustable:
            yield Diagnosis(f"{clock} clock", Health.BAD, f"{sentence}, and can be set: timers would jump with it")
        elif info.resolution > COARSE:
            yield Diagnosis(f"{clock} clock", Health.WARNING, f"{sentence}: timers come up to that late")
        else:
            yield Diagnosis(f"{clock} clock", Health.GOOD, sentence)
