"""How a life ended, and how to say so from inside one.

    Normal            it was done
    Shutdown(info)    it was asked to stop, or asked for it
    Killed            its grace ran out, or there was none
    Failed(error)     everything else: a crash

Only `Failed` and `Killed` are abnormal: a TRANSIENT child is restarted after those.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import field, frozen

__all__ = [
    "ExitReason",
    "Failed",
    "Ignore",
    "Killed",
    "Normal",
    "Shutdown",
    "Stop",
    "StopTree",
    "TreeStop",
    "classify",
    "error_of",
    "is_abnormal",
    "is_fatal",
    "tree_stop",
]


@frozen
class Normal:
    """The life was done."""

    def __str__(self) -> str:
        return "normal"


@frozen
class Shutdown:
    """The life was asked to stop."""

    info: object = None
    """Why, for people and for whoever monitors it."""

    def __str__(self) -> str:
        return "shutdown" if self.info is None else f"shutdown ({self.info})"


@frozen
class Killed:
    """The life was ended without being asked: no grace, or none left."""

    def __str__(self) -> str:
        return "killed"


@frozen
class Failed:
    """The life crashed."""

    error: BaseException = field(eq=id)

    def __str__(self) -> str:
        text = str(self.error)
        return f"{type(self.error).__name__}: {text}" if text else type(self.error).__name__


ExitReason = Normal | Shutdown | Killed | Failed


class Stop(Exception):  # not an error: a word that ends a life
    """Raise it in a handler to end this life with `reason`. What the supervisor does then is up to the restart type.

    Raises:
        TypeError: the reason is not one of the four.
    """

    def __init__(self, reason: ExitReason | None = None) -> None:
        if reason is not None and not isinstance(reason, ExitReason):
            raise TypeError(f"Stop got {reason!r}; expected Normal(), Shutdown(info), Killed() or Failed(error)")
        super().__init__(reason)
        self.reason: ExitReason = Normal() if reason is None else reason


@frozen
class TreeStop:
    """The `info` of a `Shutdown` that concerns more than one life: see `StopTree`."""

    info: object = None
    """Why, for people."""
    contained: bool = False
    """It goes no further up; and whoever ended with it is not restarted."""

    def __str__(self) -> str:
        return "of the whole tree" if self.info is None else f"of the whole tree: {self.info}"


class StopTree(Stop):
    """Raise it to stop the whole tree, in order: there is nothing left to do, or nothing that could be done.

    The supervisor of this life stops all its children and passes the request up, until a supervisor whose spec says
    `contains_stop=True`: that one ends too, and is not restarted, whatever its restart type. (suture has this as
    ErrTerminateSupervisorTree.)

    Args:
        info: why, for people.
    """

    def __init__(self, info: object = None) -> None:
        super().__init__(Shutdown(TreeStop(info)))


class Ignore(Exception):
    """Raise it in the factory or in `on_start` to say: there is nothing to do here. No life, no failure."""


def error_of(reason: ExitReason | None) -> BaseException | None:
    """What the life crashed with, if it did."""
    return reason.error if isinstance(reason, Failed) else None


def is_abnormal(reason: ExitReason) -> bool:
    """Whether a TRANSIENT child is restarted after this."""
    return isinstance(reason, Failed | Killed)


def tree_stop(reason: ExitReason) -> TreeStop | None:
    """The request to stop the whole tree that a life ended with, if it was one."""
    return reason.info if isinstance(reason, Shutdown) and isinstance(reason.info, TreeStop) else None


def is_fatal(reason: ExitReason) -> bool:
    """Whether the whole tree ends with this: KeyboardInterrupt, SystemExit and other non-`Exception`s."""
    return isinstance(reason, Failed) and not isinstance(reason.error, Exception)


def classify(error: BaseException) -> ExitReason:
    """The exit reason that an exception means when it leaves a life.

    A group is read by its leaves: a fatal one is fatal; a single one is that one; all of them `Stop` is a stop, for the gravest
    of their reasons; otherwise the group is the error.
    """
    if not isinstance(error, BaseExceptionGroup):
        return error.reason if isinstance(error, Stop) else Failed(error)
    leaves = list(_leaves(error))
    fatal = next((leaf for leaf in leaves if not isinstance(leaf, Exception)), None)
    if fatal is not None:
        return Failed(fatal)
    if len(leaves) == 1:
        return classify(leaves[0])
    reasons = [leaf.reason for leaf in leaves if isinstance(leaf, Stop)]
    if len(reasons) < len(leaves):
        return Failed(error)
    return max(reasons, key=lambda reason: (is_fatal(reason), is_abnormal(reason), tree_stop(reason) is not None))


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
