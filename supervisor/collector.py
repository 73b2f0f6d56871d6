"""The garbage collector of a process that a tree owns: what `run` does with it, and nobody else.

What a tree is made of lives long, and while many thousand actors are made, the collector looks at all of them again and again
and finds nothing. So it passes rarely while the tree starts. Then whatever lives is set apart, so that later passes do not hold
the loop for it: with 100,000 actors a full pass takes about a second.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["starting_in_peace"]

WHILE_STARTING = 50_000, 20, 20
"""The thresholds until the tree is started: garbage of the start is still collected, in bigger portions."""


@contextmanager
def starting_in_peace() -> Iterator[Callable[[], None]]:
    """Have the collector pass rarely, until what this gives is called; and leave out what lives then, until the end.

    What lives then and later becomes garbage in a circle is freed at the end. A process that has switched the collector off, or
    has set something apart itself, knows better: nothing is changed there.
    """
    before = gc.get_threshold()
    if not gc.isenabled() or gc.get_freeze_count() or before[0] >= WHILE_STARTING[0]:
        yield lambda: None
        return

    def started() -> None:
        gc.set_threshold(*before)
        gc.freeze()

    gc.set_threshold(*WHILE_STARTING)
    try:
        yield started
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
