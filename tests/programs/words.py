"""What a message has its actor do with what it owns: links, idle messages, state, registries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from supervisor import AlreadyRegistered, NoSuchActor
from tests.programs.belongings import REGISTRIES, Memory
from tests.programs.mail import Idle
from tests.programs.program import Word

if TYPE_CHECKING:
    from tests.programs.children import Scripted

__all__ = ["FIRST", "own"]

FIRST = {"link", "trap", "idle", "remember", "register"}
"""What an actor may do as it starts, too."""


def own(actor: Scripted, word: Word, ref: Any) -> None:
    """Do what a word says, if it is one of these."""
    life, journal = actor.life, actor.post.journal
    match word.kind:
        case "link" if ref is not None:
            _link(actor, ref)
        case "unlink" if ref is not None:
            actor.unlink(ref)
            journal.bonds.unlink(life, ref._place)
        case "trap":
            life.traps = True
            actor.trap_exits()
        case "idle":
            journal.timers += 1
            life.quiet_until = (journal.timers, journal.now() + word.seconds)
            actor.idle_after(word.seconds, Idle(life.incarnation, journal.timers))
        case "remember":
            actor.remember(journal.memories.new(life, word.target), word.target)
        case "forget":
            actor.forget(word.target)
            journal.memories.forget(life, word.target)
        case "recall":
            recall(actor)
        case "register" | "unregister":
            _register(actor, word)
        case "find":
            journal.directory.check(life)
        case _:
            return


def recall(actor: Scripted) -> None:
    """Everything, and it must be all."""
    journal = actor.post.journal
    found = actor.recall_all(Memory)
    journal.memories.check(actor.life, found)
    for key, memory in found.items():
        if actor.recall(Memory, key) != memory:
            journal.problem(f"{actor.life.path} recalls another {key!r} alone than with all others")


def _link(actor: Scripted, ref: Any) -> None:
    life, journal, place = actor.life, actor.post.journal, ref._place
    try:
        actor.link(ref)
    except NoSuchActor:
        if life.traps or place.life is not None:
            journal.problem(f"{life.path} cannot link with {place.path}; it traps: {life.traps}, there lives {place.life}")
        return
    if place.life is None and not life.traps and place is not life.context.place:
        journal.problem(f"{life.path} is linked with nobody at {place.path}")
    journal.bonds.link(life, place)


def _register(actor: Scripted, word: Word) -> None:
    life, directory = actor.life, actor.post.journal.directory
    kind, _, key = word.target.partition(" ")
    registrar = actor.registry(REGISTRIES[kind])
    if word.kind == "unregister":
        if (registrar.unregister(key) > 0) is not ((kind, key) in life.keys):
            actor.post.journal.problem(f"{life.path} gives up the {kind} key {key!r}, it had {life.keys}")
        life.keys.discard((kind, key))
        return
    refused = False
    try:
        registrar.register(key, life.incarnation)
    except AlreadyRegistered:
        refused = True
    directory.registers(life, kind, key, refused=refused)
