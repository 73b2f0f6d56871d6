"""Whether a spec could be started on another machine: what it is made of can be pickled, and its messages cross a wire.

Nothing runs on other machines yet. Specs that are portable today will not have to change when it does.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from supervisor.accepts import accepted_types
from supervisor.messages import Down, Exit, Gone, Message, Up

if TYPE_CHECKING:
    from supervisor.spec import ChildSpec

__all__ = ["obstacles"]

SIGNALS = (Down, Exit, Gone, Up)
"""What an actor may receive besides messages: made where it lives, so that nothing has to travel."""


def obstacles(spec: ChildSpec) -> Iterator[str]:
    """Why one spec, without those below it, is not portable."""
    for field, what in (("start", "function"), ("run", "function"), ("mailbox", "mailbox"), ("on_error", "rules")):
        value = getattr(spec, field, None)
        if value is not None:
            try:
                pickle.dumps(value)
            except Exception as error:  # noqa: BLE001  # pickle lets through whatever a __reduce__ raises
                yield f"{spec.id}: its {field} cannot be pickled ({error}); give a {what} that a module names"
    if getattr(spec, "store", None) is not None:
        yield f"{spec.id}: its store is on this machine; leave store=None and let a supervisor there name one"
    yield from _messages(spec)


def _messages(spec: ChildSpec) -> Iterator[str]:
    start: Any = getattr(spec, "start", None)
    while isinstance(start, partial):
        start = start.func
    if start is None:
        return
    if not isinstance(start, type):
        yield f"{spec.id}: start is not a class, so nobody knows which messages it takes; give the class, or a partial of it"
        return
    try:
        accepted = accepted_types(start)
    except Exception as error:  # noqa: BLE001  # an annotation can raise anything when it is read
        yield f"{spec.id}: nobody knows which messages it takes: {error}"
        return
    if accepted is None:
        yield f"{spec.id}: {start.__name__} accepts anything; name its messages: Actor[Deposit | Balance]"
        return
    for kind in accepted:
        if not issubclass(kind, Message) and kind not in SIGNALS:
            yield f"{spec.id}: {kind.__name__} is no Message; derive it from Message or Request"
