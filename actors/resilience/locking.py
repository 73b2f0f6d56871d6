"""The lock under which what tasks and threads share is changed.

It can be taken again by the thread that has it. Python runs foreign code wherever it likes: the garbage collector closes a
forgotten generator, whose `with bulkhead` then leaves the bulkhead, and a signal handler asks for statistics, both in the
middle of what the same thread does under the lock. A lock that cannot be taken again would hang that thread, and with it a
loop, for ever. What comes in between changes a count, or gives a slot back.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager

__all__ = ["Lock", "new_lock"]

Lock = AbstractContextManager[bool]
"""As much of it as anybody needs."""

new_lock = threading.RLock
"""A new lock: `with lock: ...`"""
