"""Those outside the tree: each does its steps, one after the other, whatever becomes of the tree."""

from __future__ import annotations

from typing import Any

import anyio

from supervisor import ChildNotFound, Pool, PoolEmpty, Ref, Shutdown, SpecError, SupervisorError, Topic
from supervisor.testing import await_restart, crash, kill
from tests.programs.children import spec_of
from tests.programs.mail import News
from tests.programs.mistakes import MISTAKES, ProgramError
from tests.programs.paths import plain
from tests.programs.post import Post
from tests.programs.program import Driver, Step

__all__ = ["drive"]


async def drive(driver: Driver, post: Post) -> None:
    """Do all the steps of a driver."""
    for number, step in enumerate(driver.steps):
        await anyio.sleep(step.after)
        with anyio.move_on_after(step.give_up if step.give_up is not None else 100.0):
            try:
                await _do(step, post, driver.name, f"{driver.name}.{number}")
            except (SupervisorError, ProgramError):
                continue


async def _do(step: Step, post: Post, sender: str, another: str) -> None:
    if step.verb in ("start child", "terminate", "restart", "delete"):
        await _change(step, post)
        return
    assert post.root is not None
    if step.verb.startswith("pool"):
        await _to_a_pool(step, post, sender)
        return
    ref = post.find(step.target)
    match step.verb:
        case "publish":
            post.root.publish(Topic("x"), News("x"))
        case "listen":
            with anyio.move_on_after(1.0):
                async for _ in post.root.subscription(Topic("x"), capacity=2):
                    pass
        case "look":
            post.root.snapshot().to_text()
        case _ if ref is not None:
            await _to_one(step, post, sender, another, ref)
        case _:
            return


async def _to_one(step: Step, post: Post, sender: str, another: str, ref: Ref[Any]) -> None:
    match step.verb:
        case "tell" | "burst":
            for _ in range(step.count):
                post.tell(sender, ref, step.word, (step.timeout or None) if step.give_up is not None else None)
        case "send" if step.timeout is None:
            post.outside.start_soon(post.send, another, ref, step.word)
        case "send":
            with anyio.move_on_after(2.0):
                await post.send(sender, ref, step.word)
        case "ask" if step.timeout is None:
            post.outside.start_soon(post.ask, another, ref, step.word, None)
        case "ask":
            await post.ask(sender, ref, step.word, step.timeout)
        case "crash":
            post.journal.failed.add(plain(ref.path))
            crash(ref, MISTAKES.get(step.word.kind, ProgramError)("crashed from outside"))
        case "kill":
            post.journal.failed.add(plain(ref.path))
            post.journal.killed.add(plain(ref.path))
            kill(ref)
        case "stop":
            post.journal.touch(ref.path)
            await ref.stop(Shutdown("from outside"))
        case "drain":
            post.journal.touch(ref.path)
            post.journal.drains.begin(ref._place)
            await ref.drain()
        case "await restart":
            with anyio.move_on_after(2.0):
                await await_restart(ref)


async def _to_a_pool(step: Step, post: Post, sender: str) -> None:
    assert post.root is not None
    name, _, path = step.target.partition(" ")
    pool: Any = post.root.pool(Pool(name))
    if step.verb == "pool tell":
        for key in range(step.count, step.count + 4):
            try:
                post.tell(sender, post.journal.directory.check_member(pool, key), step.word)
            except PoolEmpty:
                if pool.size:
                    post.journal.problem(f"{path} is not empty, but no member of it has {key}")
    else:
        for number in range(len(post.journal.node(path).children)):
            post.journal.renew(f"{path}/{number}")
        await pool.resize(step.count)


async def _change(step: Step, post: Post) -> None:
    path = step.target
    above, _, id = path.rpartition("/")
    if step.node is not None:
        path, above = f"{path}/{step.node.id}", path
    try:
        supervisor = post.supervisor(above)
    except ChildNotFound:
        return
    post.journal.renew(path)
    match step.verb:
        case "start child":
            assert step.node is not None
            post.journal.add_node(above, step.node)
            try:
                ref = await supervisor.start_child(spec_of(step.node, post))
            except SpecError as error:  # the generator knows better
                post.journal.problem(f"{path}: {error}")
                return
            if ref.path.partition("#")[0] != path.partition("#")[0]:
                post.journal.problem(f"start_child gave {ref}")
        case "terminate":
            await supervisor.terminate_child(id)
        case "restart":
            await supervisor.restart_child(id)
        case "delete":
            await supervisor.delete_child(id)
