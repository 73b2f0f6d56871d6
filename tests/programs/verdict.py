"""What must hold when all has come to rest, and when the tree has ended."""

from __future__ import annotations

from typing import Any

from supervisor import (
    Down,
    Exhausted,
    Gone,
    Phase,
    Restart,
    RestartIntensityExceeded,
    StartError,
    Supervisor,
    Up,
)
from supervisor.restart import Stage
from tests.programs.journal import Journal
from tests.programs.lives import Interest, LifeRecord
from tests.programs.mail import Letter
from tests.programs.mistakes import ProgramError
from tests.programs.paths import plain
from tests.programs.post import Post
from tests.programs.program import SupervisorNode, Word

__all__ = ["at_rest", "check_end", "check_outcome", "check_quiet"]


def at_rest(root: Supervisor) -> set[str]:
    """The supervisors that are steady now, with all above them."""
    found, todo = set(), [root]
    for handle in todo:
        life = handle._branch.life
        if life is not None and life.machine.stage is Stage.STEADY:
            found.add(handle.path)
            todo += [slot.branch.handle for slot in handle._branch.slots.values() if slot.branch is not None]
    return found


async def check_quiet(post: Post) -> None:
    """Nothing has happened for long, and nothing will by itself: do the accounts agree?"""
    assert post.root is not None
    if post.root._branch.life is None:
        return  # the tree ended cleanly by itself
    todo = [post.root]
    for handle in todo:
        life = handle._branch.life
        if life is None:
            continue
        if life.machine.stage is not Stage.STEADY:
            post.journal.problem(f"{handle.path} does not come to rest: {life.machine.stage}")
            continue
        await _check_children(post, handle)
        todo += [slot.branch.handle for slot in handle._branch.slots.values() if slot.branch is not None]
    for record in post.journal.all_lives:
        if post.journal.lives[record.path] is record and getattr(record.context, "over", True) is False:
            _check_life(post.journal, record)
            for interest in record.interests.values():
                _check_interest(post.journal, record.path, interest)


def _check_life(journal: Journal, record: LifeRecord) -> None:
    journal.bonds.check_quiet(record)
    journal.directory.check(record)
    journal.directory.check_quiet(record)
    if (
        record.quiet_until is not None
        and not record.quiet_disturbed
        and record.quiet_until[1] < journal.now() - 1
        and not record.handling
    ):
        journal.problem(f"{record.path} was to hear that it is idle: {record.quiet_until}")


async def _check_children(post: Post, handle: Supervisor) -> None:
    journal, active = post.journal, 0
    for info in handle.which_children():
        place, node, path = info.ref._place, journal.node(info.ref.path), info.ref.path
        if info.phase not in (Phase.RUNNING, Phase.STOPPED, Phase.GAVE_UP):
            journal.problem(f"{path} does not come to rest: {info.phase}")
        running = info.phase is Phase.RUNNING
        active += running
        record = journal.lives.get(path)
        if info.kind == "actor" and running:
            await _check_actor(post, info)
        elif info.kind == "task" and running and (record is None or not record.active):
            journal.problem(f"{path} counts as running, but does not")
        if not running and journal.alive_below(path):
            journal.problem(f"{path} counts as {info.phase}, but runs")
        if not running and not place.closed:
            journal.problem(f"{path} is {info.phase}, but its place is open")
        if info.phase is Phase.STOPPED and plain(path) not in journal.touched and not _may_stop(journal, handle, path):
            journal.problem(f"{path} is stopped, though it is {node.options.get('restart')} and nobody asked for it")
        if place.inbox is not None and place.inbox.waiting and not place.inbox.queue.full:
            journal.problem(f"{path} has room, but somebody waits for it")
        if info.phase is Phase.GAVE_UP and not _may_give_up(journal, handle, path):
            journal.problem(f"{path} is parked by a supervisor that escalates")
    journal.fates.check_steady(handle.path)
    count = handle.count_children()
    if count.active != active or count.specs != len(handle.which_children()):
        journal.problem(f"{handle.path} counts {count}, but {active} run")


async def _check_actor(post: Post, info: Any) -> None:
    """It is as the supervisor says if it answers, from the life that the supervisor knows of."""
    record = post.journal.lives.get(info.ref.path)
    await post.ask("the verdict", info.ref, Word(), 50.0)
    letter = post.journal.letters[-1]
    if letter.outcome != "answer":
        post.journal.problem(f"{info.ref.path} counts as running, but asked it is {letter.outcome}")
    if record is None or record.incarnation != info.incarnation:
        post.journal.problem(f"{info.ref.path} counts as life {info.incarnation}, but it is {record}")


def _may_stop(journal: Journal, handle: Supervisor, path: str) -> bool:
    node = journal.node(path)
    if path in journal.fates.contained_by:
        return True
    if node.options.get("restart", Restart.PERMANENT) is not Restart.PERMANENT:
        return not journal.ended_badly.get(path, False)
    if isinstance(node, SupervisorNode):
        return False
    slot = handle._branch.slots[path.rpartition("/")[2]]
    number = journal.counts[getattr(node, "script", "") or node.id]  # its last life may have said Ignore
    starts = getattr(node, "starts", ())
    return slot.ended_with is not None and 0 < number <= len(starts) and starts[number - 1].kind == "ignore"


def _may_give_up(journal: Journal, handle: Supervisor, path: str) -> bool:
    intensity = journal.node(handle.path).options["intensity"]
    return intensity.exhausted is Exhausted.GIVE_UP or path in journal.fates.parked


def _check_interest(journal: Journal, path: str, interest: Interest) -> None:
    """Whoever lives on must have heard of every end by now."""
    what, place, heard = f"{path} with an eye on {interest.place.path}", interest.place, interest.heard
    if interest.cancelled:
        return
    there = place.life.incarnation if place.life is not None else 0
    downs = [signal.incarnation for signal in heard if isinstance(signal, Down)]
    if not interest.forever:
        if (interest.incarnation == 0 or there != interest.incarnation) and len(downs) != 1:
            journal.problem(f"{what} heard {len(downs)} times that life {interest.incarnation} is over: {heard}")
        return
    gone = bool(heard) and isinstance(heard[-1], Gone)
    if place.closed and not gone:
        journal.problem(f"{what} was not told that it is gone: {heard}")
    if gone:
        return
    missed = [number for number in journal.ends[place.path][interest.since :] if number not in downs]
    if missed:
        journal.problem(f"{what} was not told of the end of {missed}: {heard}")
    if there and (not heard or not isinstance(heard[-1], Up) or heard[-1].incarnation != there):
        journal.problem(f"{what} was not told that {there} is up: {heard}")


# -------------------------------------------------------------------------------------------------- when it is all over


def check_end(post: Post) -> None:
    """The tree has ended, and everybody outside has gone home: is anything left?"""
    journal, root = post.journal, post.root
    for letter in journal.letters:
        _check_letter(journal, letter)
    for record in journal.all_lives:
        if record.active:
            journal.problem(f"{record.path} still runs in life {record.incarnation}")
        if hasattr(record.context, "place"):
            _check_place(journal, record.context)
    if root is None:
        return
    runtime = root._runtime
    left = [timer.action for queue in runtime.timekeeper._agenda._queues.values() for timer in queue.timers if timer.to_come]
    left = [action for action in left if getattr(action, "__name__", "") != "_report_overflow"]  # it says its last word, or not
    if left:
        journal.problem(f"timers are left: {left}")
    if runtime.topics._subscribers:
        journal.problem(f"subscribers are left: {runtime.topics._subscribers}")
    if root._branch.slots or len(root._branch.names):
        journal.problem(f"children or names are left: {root._branch.slots}")


def _check_place(journal: Journal, context: Any) -> None:
    place = context.place
    left = {
        "timers": context.timers,
        "monitors": context.monitors,
        "background": context.spawned._tasks,
        "signals": context.signals,
        "replies": context.replies,
        "watchers": place.watchers,
        "waiters": place.waiters,
        "links": place.links,
        "topics": place.topics,
        "names": place.names._places,
        "queue": place.items,
        "senders": place.inbox.waiting,
        "life": place.life,
    }
    found = [name for name, value in left.items() if value]
    if found or not place.closed:
        journal.problem(f"{place.path} leaves behind: {found}, closed: {place.closed}")


def _check_letter(journal: Journal, letter: Letter) -> None:
    """Each message was handled, or is a dead letter, or both if its handler failed; never neither."""
    dead, what = len(letter.dead), f"message {letter.number} ({letter.how}) to {letter.place.path}"
    if letter.how == "ask" and not letter.outcome and letter.accepted:
        journal.problem(f"{what} was never answered")
    if letter.handled:
        expected = 0 if letter.finished else 1
        if dead != expected:
            journal.problem(f"{what} was handled, finished: {letter.finished}; dead letters: {letter.dead}")
        return
    if letter.how == "ask":
        lost = letter.outcome in ("AskTimeout", "ActorCrashed", "MailboxFull", "cancelled") and dead == 0
        if letter.outcome == "answer" or lost:
            journal.problem(f"{what} was not handled: {letter.outcome!r}; dead letters: {letter.dead}")
    elif letter.accepted and not dead and not _replaced(journal, letter):
        journal.problem(f"{what} was accepted and has disappeared")
    elif letter.how == "send" and not letter.accepted and dead:
        journal.problem(f"{what} was not sent, but is a dead letter: {letter.dead}")


def _replaced(journal: Journal, letter: Letter) -> bool:
    """Whether a newer message with the same key took its place."""
    later = journal.letters[letter.number + 1 :]
    return letter.key is not None and any(
        other.place is letter.place and other.key == letter.key and other.accepted and other.how != "ask" for other in later
    )


def check_outcome(journal: Journal, end: str, error: BaseException | None, *, cancelled: bool) -> None:
    """What came out of the tree is what went wrong first, bare."""
    if isinstance(error, ProgramError) and str(error) == "of the body":
        return
    if error is not None and error is journal.fates.escalated.get("root"):
        return
    if isinstance(error, StartError | RestartIntensityExceeded) or error is None:
        if error is None and end == "cancel" and not cancelled:
            journal.problem("the cancellation was swallowed")
        return
    journal.problem(f"out of the tree came {error!r}")
