from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.fleet.wants import Wants
from actors.market import Feed, InstrumentId, Subscription

A, B = (Subscription(InstrumentId("binance", name, f"{name}/USDT"), Feed.TRADES) for name in ("A", "B"))


def wanted(*who: str) -> Wants:
    """A, by these."""
    wants = Wants()
    for holder in who:
        wants.want(A, holder)
    return wants


def test_what_two_want_stays_when_one_leaves() -> None:
    wants = wanted("", "")
    wants.let_go(A)
    assert (A in wants, wants.count(A)) == (True, 1)


def test_what_nobody_wants_any_more_is_given_up() -> None:
    wants = wanted("", "bot/one")
    wants.let_go(A, "bot/one")
    wants.let_go(A)
    assert (wants.all, wants.count(A)) == ((), 0)


def test_an_actor_counts_once_however_often_it_says_so() -> None:
    wants = wanted("bot/one", "bot/one")
    wants.let_go(A, "bot/one")
    assert A not in wants


def test_who_never_wanted_it_cannot_give_it_up() -> None:
    wants = wanted("bot/one")
    for holder in ("", "bot/other"):
        wants.let_go(A, holder)
    wants.let_go(B)
    assert wants.count(A) == 1


def test_the_end_of_an_actors_place_gives_up_what_it_alone_wanted() -> None:
    wants = wanted("bot/one", "bot/two")
    wants.want(B, "bot/one")
    assert (wants.gone("bot/one"), wants.all) == (True, (A,))


def test_the_end_of_one_of_two_gives_nothing_up() -> None:
    assert not wanted("bot/one", "").gone("bot/one")


def test_what_is_wanted_in_vain_counts_once() -> None:
    wants = Wants()
    for _ in range(3):
        wants.want_once(A)
    wants.want_once(A, "bot/one")
    assert wants.count(A) == 2


def test_what_is_wanted_keeps_its_order() -> None:
    wants = Wants()
    for one in (B, A, B):
        wants.want(one)
    assert wants.all == (B, A)


def recalled(wants: Wants, *, inherited: bool) -> Wants:
    again = Wants()
    again.recall(wants.records(), inherited=inherited)
    return again


def test_a_successor_knows_who_wanted_what() -> None:
    again = recalled(wanted("", "", "bot/one"), inherited=False)
    assert again.records() == wanted("", "", "bot/one").records()


def test_what_an_earlier_process_wanted_is_wanted_once_whoever_wanted_it() -> None:
    again = recalled(wanted("", "", "bot/one"), inherited=True)
    assert again.count(A) == 1
    again.let_go(A)
    assert A not in again


def test_the_first_who_wants_it_now_takes_the_earlier_process_place() -> None:
    again = recalled(wanted("", ""), inherited=True)
    again.want(A)
    assert again.count(A) == 1
    again.want(A)
    assert again.count(A) == 2


def test_an_actor_takes_the_earlier_process_place_too() -> None:
    again = recalled(wanted(""), inherited=True)
    again.want(A, "bot/one")
    again.let_go(A, "bot/one")
    assert A not in again


ACTIONS = st.tuples(st.sampled_from(["want", "let go", "gone", "recall"]), st.sampled_from(["", "bot/one", "bot/two"]))


@settings(max_examples=60)
@given(st.lists(ACTIONS, max_size=40))
def test_it_is_wanted_as_long_as_somebody_does(history: list[tuple[str, str]]) -> None:
    wants, count, holders = Wants(), 0, set[str]()
    for what, holder in history:
        if what == "recall":
            wants = recalled(wants, inherited=False)
        elif what == "gone" and holder:
            wants.gone(holder)
            holders.discard(holder)
        elif what == "want":
            wants.want(A, holder)
            count, holders = count + (not holder), holders | ({holder} - {""})
        elif what == "let go":
            wants.let_go(A, holder)
            count, holders = max(count - (not holder), 0), holders - {holder}
        assert wants.count(A) == count + len(holders)
        assert (A in wants) == bool(count or holders)
