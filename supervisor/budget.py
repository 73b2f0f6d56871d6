"""A budget of restarts: more than `restarts` within the last `within` seconds are too many. The window slides."""

from __future__ import annotations

from collections import deque

from attrs import define, field

from supervisor.spec import Intensity

__all__ = ["Budget"]


@define
class Budget:
    """One budget, of a supervisor or of one child. Holds as many times as restarts are allowed."""

    intensity: Intensity
    _times: deque[float] = field(factory=deque)

    def spend(self, now: float) -> int:
        """Count a restart in, and say how many the window holds; 0 if it would be one too many, and is not counted."""
        times = self._times
        while times and times[0] < now - self.intensity.within:
            times.popleft()
        if len(times) >= self.intensity.restarts:
            return 0
        times.append(now)
        return len(times)

    def spent(self, now: float) -> int:
        """How many restarts the window holds now."""
        return sum(1 for at in self._times if at >= now - self.intensity.within)

    def copy(self) -> Budget:
        """An independent budget in the same state."""
        return Budget(self.intensity, deque(self._times))
