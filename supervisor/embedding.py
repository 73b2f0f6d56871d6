"""Where a tree meets the world: `open_supervisor` in a running loop, `run` with a loop of its own."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import _AsyncGeneratorContextManager, asynccontextmanager
from functools import wraps
from os import PathLike
from typing import Any, Never, ParamSpec, TypeVar

import anyio

from supervisor.checks import misfit, must_await
from supervisor.collector import starting_in_peace
from supervisor.control.server import control_socket
from supervisor.diagnostics import QUIET, Diagnostics
from supervisor.errors import SpecError
from supervisor.handle import Supervisor
from supervisor.parking import uninterrupted
from supervisor.root import Root, RootSpec, Terms, check_root, opened
from supervisor.stopper import Stopper
from supervisor.telemetry import Sink

__all__ = ["OWN_LOOP", "attended", "check_loop", "open_supervisor", "run"]

P = ParamSpec("P")
T = TypeVar("T")

OWN_LOOP = Diagnostics(slow_handler=1.0)
"""What a tree with a loop of its own looks for."""


class _Opening(_AsyncGeneratorContextManager[T]):
    """A tree that is not open yet. It runs no code of its own while it is entered and left, where Ctrl-C might strike."""

    def __getattr__(self, name: str) -> Never:
        raise AttributeError(
            f"open_supervisor(...) has no {name!r}: it is opened by `async with open_supervisor(...) as root:`, and root is a "
            "Supervisor"
        )


def _opening(function: Callable[P, AsyncIterator[T]]) -> Callable[P, _Opening[T]]:
    @wraps(function)
    def make(*args: P.args, **kwargs: P.kwargs) -> _Opening[T]:
        return _Opening(function, args, kwargs)  # type: ignore[arg-type]  # typeshed wants an async generator, as this is

    return make


@_opening
@uninterrupted
async def open_supervisor(
    spec: RootSpec,
    *,
    sinks: Sequence[Sink] = (),
    deadline: float | None = None,
    diagnostics: Diagnostics = QUIET,
    control: str | PathLike[str] | None = None,
) -> AsyncIterator[Supervisor]:
    """Run a tree for as long as the block lasts: `async with open_supervisor(spec) as root: ...`.

    The block begins when every static child is started. Leaving it, by whatever way, stops the tree in order. If the tree
    fails, the block is cancelled and the failure is raised bare; an error of the block stops the tree and wins, unless the tree
    ended with a `KeyboardInterrupt`, a `SystemExit` or the like; a tree that ends cleanly by itself leaves the block running.

    Ctrl-C does not strike in the middle of the tree's work: it comes to the loop's main task, and the tree stops in order; a
    second one kills what is left. A handler that blocks the loop delays it until then.

    Args:
        spec: the root.
        sinks: who gets the events: functions that are not async; by default warnings and errors go to structlog. One that
            raises is reported to the others; a `KeyboardInterrupt` or `SystemExit` of a sink ends the tree, in order.
        deadline: seconds for an ordered stop; what runs then is killed. None: each child's own grace is all that bounds it.
        diagnostics: what to look for; `DEBUG` while developing.
        control: where to make a socket for `oneforone tree`; only the owner of the process may connect. None: no socket.

    Raises:
        SpecError: a wrong argument, or there is something else where the socket should be; nothing was started.
        StartError: a child did not start; its error is the cause.
        RestartIntensityExceeded: the root gave up; the last child's error is the cause.
        StoreError: a store that the spec names cannot be used, and nothing was started; or, at the end, something that was
            remembered could not be written.

    Cancellation: entering and leaving stop the tree in order, shielded, before the cancellation goes on.
    """
    check_root(spec)
    async with attended(spec, Terms(sinks, deadline, diagnostics, control)) as root:
        yield root.branch.handle


@asynccontextmanager
@uninterrupted
async def attended(spec: RootSpec, terms: Terms, announce: Callable[[Root], None] = lambda root: None) -> AsyncIterator[Root]:
    """The whole of `open_supervisor`. `announce` gets the root before it starts. Cancellation: as there."""

    def meet(root: Root) -> None:
        announce(root)
        if door is not None:
            door.attend(root.runtime, root.branch.handle)  # already now: whoever looks sees it start, too

    async with control_socket(terms.socket) as door, opened(spec, terms, meet) as root:
        yield root


def check_loop(backend: object, options: object) -> None:
    """Refuse what is no loop, before anything runs."""
    if backend not in anyio.get_all_backends():
        raise SpecError("backend", backend, "'trio' or 'asyncio'; uvloop is asyncio with backend_options={'use_uvloop': True}")
    if options is not None and not isinstance(options, Mapping):
        raise SpecError("backend_options", options, "a dict for anyio.run, such as {'use_uvloop': True}, or None")


def run(
    spec: RootSpec,
    main: Callable[[Supervisor], Awaitable[T]] | None = None,
    *,
    backend: str = "trio",
    deadline: float | None = 9.0,
    sinks: Sequence[Sink] = (),
    diagnostics: Diagnostics = OWN_LOOP,
    backend_options: Mapping[str, Any] | None = None,
    control: str | PathLike[str] | None = None,
) -> T | None:
    """Run a tree in a loop of its own, until `main` returns, a signal comes, or the tree ends.

    SIGINT and SIGTERM stop the tree in order; a second one kills what is left. They come to the main thread only: in another
    one, `run` heeds none, and ends with `main` or the tree.

    A handler that blocks holds the loop, and with it the stop. So a third signal ends the process at once, by that signal's
    default; and so does the deadline after a first one, when the loop does not answer then for a second. Both say on stderr
    where the program was; nothing is stopped in order. What blocks in C code that does not look for signals is not ended by
    these, if it blocked before the first one.

    `run` owns its process, and tunes its garbage collector: while the tree starts, the collector passes rarely; what lives when
    it is started is left out of later passes until `run` returns (`gc.freeze`). Not if the process has switched the collector
    off or uses `gc.freeze` itself. `open_supervisor` and `background` never touch it.

    Apart from that `run` never exits the process. A program that ends with it has the exit code 0 when `main` returned, a
    signal came or the tree ended cleanly; 1, with a traceback, when `main` or the tree failed; what `SystemExit` says when
    `main` or a child raised that; and it dies of SIGINT, 130 to a shell, when one raised `KeyboardInterrupt`. To a shell, a
    process that was ended at once has 130 after a SIGINT, 143 after a SIGTERM.

    Args:
        spec: the root.
        main: called with the root when it is started; None: run until the tree ends.
        backend: trio or asyncio.
        deadline: seconds for an ordered stop. Nine, because whoever sends a SIGKILL usually waits ten.
        sinks: as for `open_supervisor`.
        diagnostics: what to look for; by default, handlers that hold the loop for more than a second.
        backend_options: for `anyio.run`, such as `{"use_uvloop": True}` with asyncio.
        control: as for `open_supervisor`.

    Returns:
        What `main` returned; None after a signal, or without `main`.

    Raises:
        RuntimeError: a loop runs here already; `open_supervisor` is for that.
        BaseException: what `main` raised, or the tree's failure.
    """
    check_root(spec)
    terms = Terms(sinks, deadline, diagnostics, control)
    check_loop(backend, backend_options)
    _check_main(main)
    result: T | None = anyio.run(_run, spec, main, terms, backend=backend, backend_options=dict(backend_options or {}))
    return result


def _check_main(main: object) -> None:
    """Refuse what cannot be run here, before anything is started."""
    expected = "an async function that takes the root, async def main(root), or None"
    if inspect.iscoroutine(main):
        raise SpecError("main", main, f"{expected}: the function itself, not what it returned")
    if main is not None and not callable(main):
        raise SpecError("main", main, expected)
    problem = "" if main is None else misfit(main, None)
    if problem:
        raise SpecError("main", main, f"{expected} ({problem})")
    try:
        anyio.get_current_task()
    except anyio.NoEventLoopError:
        return
    raise RuntimeError(
        "run() was called in a loop that runs; use open_supervisor here: async with open_supervisor(spec) as root:"
    )


async def _run(spec: RootSpec, main: Callable[[Supervisor], Awaitable[T]] | None, terms: Terms) -> T | None:
    """The whole of `run`, in its loop. Cancellation: stops the tree in order."""
    result: T | None = None
    scope = anyio.CancelScope()
    stopper = Stopper(scope.cancel, terms.deadline)
    with starting_in_peace() as started, stopper.heeding(), scope:
        async with attended(spec, terms, lambda root: stopper.announce(root.kill)) as root:
            started()
            if main is not None:
                result = await must_await(main(root.branch.handle), "main")
            else:
                await root.wait(root.ended)
    return result
