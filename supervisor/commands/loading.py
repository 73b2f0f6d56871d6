"""Find a spec by its name, `MODULE:SPEC`, as a command line gives it. Imports the module; nothing of the tree is started."""

from __future__ import annotations

import importlib
import sys
import traceback
from inspect import iscoroutinefunction, signature
from pathlib import Path
from types import ModuleType

from supervisor.errors import SpecError, SupervisorError
from supervisor.spec import ChildSpec, DynamicSupervisorSpec, SupervisorSpec

__all__ = ["NotLoaded", "load_spec"]

OURS = str(Path(__file__).parent.parent)
SHOWN = 10
"""Names of specs that are offered instead of one that is not there."""


class NotLoaded(SupervisorError, ImportError):
    """There is no such spec, or its module cannot be imported. Says what to type, or where it failed."""


def load_spec(target: str) -> SupervisorSpec | DynamicSupervisorSpec:
    """The spec that a name stands for: `bot.trees:TREE`, or `bot.trees:make_tree`, which is called.

    Args:
        target: module and attribute; either may have dots. The current directory is looked into first.

    Raises:
        NotLoaded: there is none, or what should make it fails.
        SpecError: it is wrong, or none that a tree can be made of.
    """
    name, colon, attribute = target.partition(":")
    if name.endswith(".py") or "/" in name:
        dotted = name.removesuffix(".py").strip("./").replace("/", ".")
        raise NotLoaded(f"{name!r} is a file; expected a module's name, such as {dotted}:{attribute or 'TREE'}")
    if not all(part.isidentifier() for part in name.split(".")):
        raise NotLoaded(f"{target!r} names no module; expected MODULE:SPEC, such as bot.trees:TREE")
    module = _imported(name)
    if not colon or not attribute:
        raise NotLoaded(f"{target!r} does not say which spec; expected MODULE:SPEC{_offers(module)}")
    found = _made(_attribute(module, attribute), target)
    if isinstance(found, SupervisorSpec | DynamicSupervisorSpec):
        return found
    if isinstance(found, ChildSpec):
        expected = "a SupervisorSpec or DynamicSupervisorSpec: only a supervisor can be the root of a tree"
        raise SpecError(target, found, expected)
    expected = "a SupervisorSpec, or a function without arguments that returns one"
    raise NotLoaded(f"{target} is {_short(found)}; expected {expected}{_offers(module)}")


def _imported(name: str) -> ModuleType:
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except SpecError as error:
        error.add_note(where(error))
        raise
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise NotLoaded(f"there is no module {error.name!r} here; looked in {Path.cwd()} and on Python's path") from error
        raise NotLoaded(_failed(f"{name} cannot be imported", error)) from error
    except (Exception, SystemExit) as error:
        raise NotLoaded(_failed(f"{name} cannot be imported", error)) from error


def _attribute(module: ModuleType, dotted: str) -> object:
    found: object = module
    for part in dotted.split("."):
        try:
            found = getattr(found, part)
        except Exception as error:
            if not isinstance(error, AttributeError):
                raise NotLoaded(_failed(f"{module.__name__}:{dotted} cannot be read", error)) from error
            raise NotLoaded(f"{module.__name__} has no {dotted!r}{_offers(module)}") from error
    return found


def _made(found: object, target: str) -> object:
    """What a function makes; anything else is what it is."""
    if isinstance(found, ChildSpec) or not callable(found):
        return found
    try:
        signature(found).bind()
    except TypeError as error:
        raise NotLoaded(
            f"{target} cannot be called without arguments ({error}); expected a spec, or a function without any"
        ) from error
    except ValueError:
        pass  # it does not show its signature
    if iscoroutinefunction(found):
        raise NotLoaded(f"{target} is an async function; expected a plain one: a spec is made without a loop")
    try:
        return found()
    except SpecError as error:
        error.add_note(where(error))
        raise
    except (Exception, SystemExit) as error:
        raise NotLoaded(_failed(f"{target}() failed", error)) from error


def _offers(module: ModuleType) -> str:
    specs = [name for name, value in vars(module).items() if isinstance(value, SupervisorSpec | DynamicSupervisorSpec)]
    if not specs:
        return ""
    return f"; {module.__name__} has " + ", ".join(f"{module.__name__}:{name}" for name in specs[:SHOWN])


def _failed(what: str, error: BaseException) -> str:
    words = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1:]
    place = where(error)
    return f"{what}: {words[0] if words else type(error).__name__}" + (f"\n  {place}" if place else "")


def where(error: BaseException) -> str:
    """The last place of a traceback that is neither ours nor the import machinery's; empty: there is none."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: {(error.text or '').strip()}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith((OURS, "<")) and not frame.filename.startswith(str(Path(importlib.__file__).parent)):
            return f"{frame.filename}:{frame.lineno}: {frame.line or ''}".rstrip(": ")
    return ""


def _short(value: object) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  # what cannot show itself is named by its class
        text = "something"
    return f"{text[:80]}, a {type(value).__name__}"
