"""The agenda's shell: one task per tree sleeps until the next timer is due, and does what is due."""

from __future__ import annotations

import math
from collections.abc import Callable
from threading import get_ident

import anyio

from supervisor.agenda import Agenda, Timer
from supervisor.parking import Parker, check_thread, give_way

__all__ = ["Timekeeper"]


class Timekeeper:
    """Timers on the loop's clock.

    Actions are quick, do not raise, and run in the timekeeper's task.

    Args:
        now: the loop's clock.
        parker: where the timekeeper's task sleeps.
    """

    def __init__(self, now: Callable[[], float], parker: Parker) -> None:
        self._now = now
        self._parker = parker
        self._home = get_ident()
        self._agenda = Agenda()
        self.cancel: Callable[[Timer], bool] = self._agenda.cancel
        """Forget a timer; whether it was still pending."""
        self._scope: anyio.CancelScope | None = None
        self._sleeps_until: float = -math.inf
        """While the task does not sleep, nobody need wake it."""
        self._closed = False

    def __len__(self) -> int:
        """How many timers are pending."""
        return len(self._agenda)

    def after(self, delay: float, action: Callable[[], None]) -> Timer:
        """Have `action` done in `delay` seconds.

        Raises:
            ValueError: not a number of seconds. It would stop every timer of the tree.
            RuntimeError: this is another thread than the tree's.
        """
        self.check_thread()
        if not isinstance(delay, int | float) or delay != delay:
            raise ValueError(f"a time is {delay!r}; expected seconds, such as 5.0")
        timer = Timer(action)
        self.start(timer, delay)
        return timer

    def start(self, timer: Timer, delay: float) -> None:
        """Have a timer's action done in `delay` seconds, a number, in the tree's own thread: both were checked."""
        if self._agenda.put(timer, self._now(), delay) and timer.when < self._sleeps_until:
            assert self._scope is not None  # noqa: S101  # it sleeps in one
            self._scope.deadline = self._sleeps_until = timer.when

    def check_thread(self) -> None:
        """Raises RuntimeError in another thread than the tree's."""
        check_thread(self._home)

    async def run(self) -> None:
        """Do what is due, until `close`.

        Cancellation: shielded; `close` ends it.
        """
        with anyio.CancelScope(shield=True):
            while not self._closed:
                for action in self._agenda.take_due(self._now()):
                    action()
                due = self._agenda.next_due()
                until = math.inf if due is None else due
                with anyio.CancelScope(deadline=until) as self._scope:
                    if not self._closed and until > self._now():
                        self._sleeps_until = until
                        await self._parker.park()
                self._sleeps_until = -math.inf
                if due is not None and due <= self._now():
                    await give_way()  # timers that set themselves again at once would otherwise never let anyone else run

    def close(self) -> None:
        """End `run`. Timers that are pending are never done."""
        self._closed = True
        self._parker.unpark()
