"""Host: the thread on which a tree lives, from its start to its end."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio

from supervisor.exits import classify, is_fatal
from supervisor.handle import Supervisor
from supervisor.root import Root
from supervisor.threads.bridge import Bridge

__all__ = ["Host"]


class Host:
    """The thread on which a tree lives.

    Args:
        open_tree: opens it; takes what is told of the root before it starts.
        name: of the thread.
    """

    def __init__(self, open_tree: Callable[[Callable[[Root], None]], AbstractAsyncContextManager[Root]], name: str) -> None:
        self.failure: BaseException | None = None
        """What came out of the tree, known when it has ended."""
        self._open_tree = open_tree
        self._name = name
        self.bridge: Bridge = Bridge(self._failed_with)
        """The way in."""
        self._root: Root | None = None
        self._stopper: anyio.CancelScope | None = None
        self._left: anyio.Event | None = None
        self._begun = threading.Event()
        self._ended = threading.Event()
        self._door = threading.Lock()
        """Held for a moment, to settle whether the thread runs: Ctrl-C can strike before it does."""
        self._running = False
        self._refused = False
        self._thread: threading.Thread | None = None

    # ---- in the thread of the block

    def enter(self, backend: str, options: dict[str, Any]) -> Supervisor:
        """Start the thread and wait until the tree is started. Raises what it failed with."""
        # A daemon: a block that nobody leaves must not keep a program that is at its end.
        self._thread = threading.Thread(target=self._live, args=(backend, options), name=self._name, daemon=True)
        self._thread.start()
        self._begun.wait()
        if self.failure is not None:
            raise self.failure
        if self._root is None:
            raise AssertionError("a tree has begun without a root")
        return self._root.branch.handle

    def leave(self, errors: list[BaseException]) -> None:
        """Stop the tree in order, wait for its end, and for its thread's.

        Args:
            errors: what has been raised so far. What cuts the wait is added; an interrupt after an interrupt kills.
        """
        with self._door:
            self._refused = not self._running
        if self._refused:
            return
        if threading.current_thread() is self._thread or sys.is_finalizing():  # a block that nobody left: no time to wait
            self.bridge.post(self._stop)
            return
        interrupted = any(is_fatal(classify(error)) for error in errors)
        self.bridge.post(self._stop)
        while not self._ended.is_set():
            try:
                self._ended.wait()
            except BaseException as error:  # noqa: BLE001  # Ctrl-C: raised by the caller, when the tree has ended
                if interrupted:
                    self.bridge.post(self._kill)
                else:
                    errors.append(error)
                interrupted = True
        if self._thread is not None:
            self._thread.join()

    # ---- in the thread of the tree

    def _live(self, backend: str, options: dict[str, Any]) -> None:
        with self._door:
            if self._refused:
                return
            self._running = True
        try:
            anyio.run(self._serve, backend=backend, backend_options=options)
        except BaseException as error:  # noqa: BLE001  # a loop that cannot be had: raised where the block is entered or left
            self.failure = self.failure or error
        finally:
            self.bridge.close()
            self._begun.set()
            self._ended.set()

    async def _serve(self) -> None:
        """Run the tree, then answer calls until the block is left. Cancellation: does not come."""
        self._stopper, self._left = anyio.CancelScope(), anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(self.bridge.serve, name="calls of other threads")
            try:
                with self._stopper:
                    async with self._open_tree(self._announce):
                        self._begun.set()
                        await anyio.sleep_forever()
            except BaseException as error:  # noqa: BLE001  # raised where the block is entered or left
                self.failure = error
            self._begun.set()
            await self._left.wait()
            await self.bridge.gather()
            group.cancel_scope.cancel()

    def _announce(self, root: Root) -> None:
        self._root = root

    def _failed_with(self) -> BaseException | None:
        return self.failure if self._root is None else self.failure or self._root.failure

    def _stop(self) -> None:
        if self._stopper is not None and self._left is not None:
            self._stopper.cancel()
            self._left.set()

    def _kill(self) -> None:
        if self._root is not None:
            self._root.kill()
