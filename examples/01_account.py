"""An account as an actor: typed messages, a request with a typed reply, a tree that restarts it."""

from attrs import define

from supervisor import Actor, ActorSpec, Message, Name, Request, Supervisor, SupervisorSpec, run


class Deposit(Message, frozen=True):
    amount: int


class Balance(Request[int], frozen=True):
    pass


@define
class Account(Actor[Deposit | Balance]):
    balance: int = 0

    def receive(self, message: Deposit | Balance) -> int | None:
        match message:
            case Deposit(amount):
                self.balance += amount
                return None
            case Balance():
                return self.balance


ACCOUNT: Name[Deposit | Balance] = Name("account")
bank = SupervisorSpec("bank", [ActorSpec("account", Account, name=ACCOUNT)])


async def main(root: Supervisor) -> int:
    account = root.ref(ACCOUNT)
    account.tell(Deposit(10))
    return await account.ask(Balance(), timeout=1.0)


if __name__ == "__main__":
    print("balance:", run(bank, main))
