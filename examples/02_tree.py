"""A tree with three strategies at work: what restarts when something crashes, and what does not."""

import anyio

from supervisor import Actor, ActorSpec, Message, Strategy, Supervisor, SupervisorSpec, run
from supervisor.testing import await_restart


class Work(Message, frozen=True):
    number: int


class Worker(Actor[Work]):
    def receive(self, message: Work) -> None:
        print(f"  {self.context.path}: 60 / {message.number} = {60 // message.number}")


tree = SupervisorSpec(
    "shop",
    [
        ActorSpec("till", Worker),  # one_for_one: restarts alone
        SupervisorSpec("kitchen", [ActorSpec("oven", Worker), ActorSpec("cook", Worker)], strategy=Strategy.ONE_FOR_ALL),
        SupervisorSpec(
            "line",
            [ActorSpec("first", Worker), ActorSpec("second", Worker), ActorSpec("third", Worker)],
            strategy=Strategy.REST_FOR_ONE,
        ),
    ],
)


async def main(root: Supervisor) -> None:
    kitchen, line = root.supervisor("kitchen"), root.supervisor("line")
    for victim in (root.child("till"), kitchen.child("oven"), line.child("second")):
        victim.tell(Work(0))  # a poison message: it crashes one life, and no other
        victim.tell(Work(5))  # the next life handles what is queued behind it
        await await_restart(victim)
    await anyio.wait_all_tasks_blocked()
    print(root.snapshot())


if __name__ == "__main__":
    # The log that a bot would keep; here it would hide the tree.
    run(tree, main, sinks=[lambda event: None])
