"""The demo itself: the fault plan is played on the stage, shown while it goes on, and reported at the end."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import anyio
from attrs import define, field, frozen
from rich.console import Console, RenderableType
from rich.live import Live

from actors.demo.director import Director
from actors.demo.plan import Phase, make_plan
from actors.demo.report import Report
from actors.demo.resident import resident
from actors.demo.stage import open_stage
from actors.demo.view import dashboard, phase_line, print_report
from actors.market import Feed
from actors.protocol import StreamStatus
from actors.simulator.config import SimulatorConfig, Started
from actors.simulator.process import running_simulator
from supervisor import Supervisor, SupervisorError

__all__ = ["DemoConfig", "run_demo"]

REFRESH = 0.25
"""Seconds between two pictures."""


@frozen(kw_only=True)
class DemoConfig:
    """What to show."""

    replay: Path | None = None
    """A recording to play; None: a synthetic market."""
    seed: int = 0
    """The same seed gives the same market and the same victims."""
    speed: float = 2.5
    """Market seconds per second."""
    plain: bool = False
    """Lines instead of a live picture."""
    capture: Path | None = None
    """Where to write the last picture and the report, as SVG."""


@define(eq=False)
class _Show:
    """One run."""

    config: DemoConfig
    console: Console
    started: Started
    report: Report = field(init=False, factory=Report)
    rates: dict[str, float] = field(init=False, factory=dict)
    last_picture: RenderableType = field(init=False, default="")
    _frames: dict[str, int] = field(init=False, factory=dict)
    _began: float = field(init=False, factory=anyio.current_time)

    async def run(self) -> Report:
        """The whole plan. Cancellation: the tree is stopped in order."""
        async with open_stage(self.started) as director, anyio.create_task_group() as group:
            plan = make_plan(self.started.symbols, self.config.seed)
            group.start_soon(self._measure, director.venue)
            if not self.config.plain:
                await group.start(self._draw, director, plan)
            await self._play(plan, director)
            self.last_picture = self._picture(director, plan, height=60)
            await self._conclude(director)
            group.cancel_scope.cancel()
        return self.report

    async def _play(self, plan: Sequence[Phase], director: Director) -> None:
        """Phase after phase. Cancellation: may have happened."""
        for number, phase in enumerate(plan):
            result = await director.run(phase)
            if number == 0:
                self.report.memory = (resident() or 0.0, 0.0)
            if self.config.plain:
                self.console.print(
                    phase_line(anyio.current_time() - self._began, result), highlight=False, soft_wrap=True, markup=False
                )

    async def _conclude(self, director: Director) -> None:
        """Count everything. Cancellation: may have happened."""
        report, observer, now = self.report, director.observer, anyio.current_time()
        with anyio.move_on_after(5.0):
            while not observer.flowing(now):
                await anyio.sleep(0.05)
                await observer.look()
        report.results = director.results
        report.lost = observer.silent(now)
        feeds = [(wanted, feed) for tally in observer.tallies.values() for wanted, feed in tally.feeds.items()]
        gaps = [feed for wanted, feed in feeds if wanted.feed is Feed.BOOK]
        report.subscriptions = len(feeds)
        report.events = sum(feed.events for _, feed in feeds)
        report.gaps = sum(feed.gaps for feed in gaps)
        report.gaps_repaired = sum(feed.repaired for feed in gaps)
        for tally in observer.tallies.values():
            report.compared += tally.compared
            report.agreed += tally.agreed
            report.exact += tally.exact
            report.disagreed += tally.disagreed
        report.resynchronised = observer.recovered
        report.restarts = observer.restarts.total()
        report.restarted = {path.rpartition("/")[2]: count for path, count in observer.restarts.items()}
        report.dropped = sum(child.dropped for _, child in observer.root.snapshot().flat())
        report.breaker = director.breaker()
        status = await director.control.status()
        report.frames, report.violations = status.totals.frames_sent, status.totals.violations
        report.skipped, report.first_skipped, report.unreadable = status.skipped, status.first_skipped, status.unreadable
        report.seconds = anyio.current_time() - self._began
        report.memory = (report.memory[0], resident() or 0.0)

    async def _measure(self, venue: Supervisor) -> None:
        """Know the frames per second of every stream, for ever. Cancellation: atomic."""
        while True:
            await anyio.sleep(1.0)
            try:
                streams = venue.supervisor("streams").supervisor("streams")
                for child in streams.which_children():
                    status = await child.ref.ask(StreamStatus(), timeout=1.0)
                    before = self._frames.get(child.ref.path, 0)
                    self.rates[child.ref.path] = float(max(status["frames"] - before, 0))
                    self._frames[child.ref.path] = status["frames"]
            except SupervisorError:
                continue  # it is being restarted: the picture shows that

    async def _draw(self, director: Director, plan: Sequence[Phase], *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Draw the picture again and again. Cancellation: the last picture stays."""
        with Live(console=self.console, auto_refresh=False, transient=False) as live:
            task_status.started()
            try:
                while True:
                    live.update(self._picture(director, plan), refresh=True)
                    await anyio.sleep(REFRESH)
            finally:
                live.update(self._picture(director, plan), refresh=True)  # it stays: with the last phase as it ended

    def _picture(self, director: Director, plan: Sequence[Phase], height: int | None = None) -> RenderableType:
        observer = director.observer
        return dashboard(
            observer.root.snapshot(),
            rates=self.rates,
            health=observer.health,
            plan=plan,
            results=director.results,
            happened=observer.last_events,
            elapsed=anyio.current_time() - self._began,
            height=self.console.height if height is None else height,
        )


async def run_demo(config: DemoConfig, console: Console) -> Report:
    """Run the demo and print its report.

    Args:
        config: what to show.
        console: where to.

    Raises:
        SimulatorError: the simulated exchange could not be started; a sentence.

    Cancellation: the tree is stopped in order, the simulator ended.
    """
    replay = None if config.replay is None else str(config.replay)
    simulator = SimulatorConfig(seed=config.seed, speed=config.speed, replay=replay)
    async with running_simulator(simulator) as started:
        show = _Show(config, console, started)
        report = await show.run()
    print_report(console, report)
    if config.capture is not None:
        _capture(config.capture, show.last_picture, report)
    return report


def _capture(path: Path, picture: RenderableType, report: Report) -> None:
    """Write what a terminal would show to an SVG."""
    console = Console(record=True, width=110, file=io.StringIO(), force_terminal=True)
    console.print(picture)
    print_report(console, report)
    console.save_svg(str(path), title="oneforone demo")
