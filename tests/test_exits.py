from __future__ import annotations

import pytest

from supervisor.exits import ExitReason, Failed, Ignore, Killed, Normal, Shutdown, Stop, classify, is_abnormal, is_fatal

BUG, OTHER = ValueError("bug"), KeyError("other")
CTRL_C, EXIT = KeyboardInterrupt(), SystemExit(3)


def group(*errors: BaseException) -> BaseExceptionGroup[BaseException]:
    return BaseExceptionGroup("several", errors)


MEANING: list[tuple[BaseException, ExitReason]] = [
    (BUG, Failed(BUG)),
    (Stop(), Normal()),
    (Stop(Shutdown("done")), Shutdown("done")),
    (Stop(Failed(BUG)), Failed(BUG)),
    (CTRL_C, Failed(CTRL_C)),
    # item 167: a group is read by its leaves
    (group(BUG), Failed(BUG)),
    (group(group(BUG)), Failed(BUG)),
    (group(group(group(group(BUG)))), Failed(BUG)),
    (group(Stop()), Normal()),
    (group(group(Stop(Shutdown()))), Shutdown()),
    (group(Stop(), group(Stop())), Normal()),
    (group(Stop(), Stop(Failed(BUG))), Failed(BUG)),
    (group(Stop(Killed()), Stop()), Killed()),
    (group(Stop(Failed(BUG)), Stop(Failed(EXIT))), Failed(EXIT)),
    (group(BUG, CTRL_C), Failed(CTRL_C)),
    (group(BUG, group(OTHER, group(EXIT))), Failed(EXIT)),
    (group(Stop(), CTRL_C), Failed(CTRL_C)),
]


@pytest.mark.parametrize(("error", "reason"), MEANING, ids=repr)
def test_what_leaves_a_life_says_how_it_ended(error: BaseException, reason: ExitReason) -> None:
    assert classify(error) == reason


@pytest.mark.item(167)
@pytest.mark.parametrize("several", [group(BUG, OTHER), group(Stop(), BUG), group(BUG, group(OTHER))], ids=repr)
def test_several_errors_are_kept_together(several: BaseException) -> None:
    assert classify(several) == Failed(several)


@pytest.mark.item(27, 28, 166)
@pytest.mark.parametrize(
    ("reason", "abnormal", "fatal"),
    [
        (Normal(), False, False),
        (Shutdown(), False, False),
        (Shutdown("why"), False, False),
        (Killed(), True, False),
        (Failed(BUG), True, False),
        (Failed(group(BUG, OTHER)), True, False),
        (Failed(CTRL_C), True, True),
        (Failed(EXIT), True, True),
        (Failed(GeneratorExit()), True, True),
    ],
    ids=str,
)
def test_only_crashes_and_kills_are_abnormal_and_only_what_is_no_exception_is_fatal(
    reason: ExitReason, abnormal: bool, fatal: bool
) -> None:
    assert (is_abnormal(reason), is_fatal(reason)) == (abnormal, fatal)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Normal(), "normal"),
        (Shutdown(), "shutdown"),
        (Shutdown("restart"), "shutdown (restart)"),
        (Killed(), "killed"),
        (Failed(BUG), "ValueError: bug"),
        (Failed(ValueError()), "ValueError"),
    ],
    ids=repr,
)
def test_a_reason_says_itself(reason: ExitReason, words: str) -> None:
    assert str(reason) == words


def test_two_crashes_are_equal_if_it_is_the_same_error() -> None:
    assert Failed(BUG) == Failed(BUG)
    assert Failed(BUG) != Failed(ValueError("bug"))
    assert Shutdown("a") == Shutdown("a") != Shutdown("b")


@pytest.mark.parametrize("reason", [Normal(), Shutdown(), Killed(), Failed(BUG), Failed(group(BUG))], ids=str)
def test_a_reason_can_stand_in_a_set(reason: ExitReason) -> None:
    assert len({reason, reason}) == 1


def test_to_ignore_is_no_failure_by_name() -> None:
    assert issubclass(Ignore, Exception)
    assert Stop().reason == Normal()


def test_stop_takes_only_an_exit_reason() -> None:
    with pytest.raises(TypeError, match="Stop got 'done'; expected Normal"):
        Stop("done")
