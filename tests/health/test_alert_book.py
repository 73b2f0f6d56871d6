from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.alert_rules import Alert, AlertKind, Finding
from actors.errors import Severity
from actors.health.alert_book import AlertBook

WARNING, ERROR, CRITICAL = Severity.WARNING, Severity.ERROR, Severity.CRITICAL


def put(book: AlertBook, now: float, key: str = "link", severity: Severity = ERROR) -> tuple[Alert, ...]:
    return book.put(AlertKind.CONNECTION, key, severity, "it is bad", now)


def test_the_first_time_is_said() -> None:
    (alert,) = put(AlertBook(), 7.0)
    assert (alert.key, alert.since, alert.count, alert.ended) == ("link", 7.0, 1, None)


def test_a_repetition_is_counted_and_held_back() -> None:
    book = AlertBook()
    put(book, 0.0)
    assert put(book, 1.0) == ()
    assert [(alert.count, alert.suppressed) for alert in book.active()] == [(2, 1)]


def test_it_is_said_again_after_a_growing_time() -> None:
    book = AlertBook(hold=60.0)
    said = [now for now in range(0, 1000, 10) if put(book, float(now))]
    assert said == [0, 60, 180, 420, 900]


def test_the_time_grows_to_an_hour() -> None:
    book = AlertBook(hold=60.0, longest_hold=3600.0)
    said = [now for now in range(0, 40_000, 60) if put(book, float(now))]
    assert said[-1] - said[-2] == 3600


def test_what_is_graver_is_said_at_once() -> None:
    book = AlertBook()
    put(book, 0.0, severity=WARNING)
    (alert,) = put(book, 1.0, severity=CRITICAL)
    assert (alert.severity, alert.suppressed) == (CRITICAL, 0)


def test_what_is_milder_is_held_back_and_so_is_its_return() -> None:
    book = AlertBook()
    put(book, 0.0, severity=CRITICAL)
    assert put(book, 1.0, severity=WARNING) == ()
    assert put(book, 2.0, severity=CRITICAL) == ()


def test_what_lasts_is_said_again_though_nobody_raises_it() -> None:
    book = AlertBook(hold=60.0)
    put(book, 0.0)
    assert [now for now in range(1, 500) if book.check(float(now))] == [60, 180, 420]


def test_its_end_is_said_once() -> None:
    book = AlertBook()
    put(book, 0.0)
    (over,) = book.end("link", 5.0)
    assert over.ended == 5.0
    assert (book.end("link", 6.0), book.check(1e6), book.active()) == ((), (), ())


def test_what_never_began_does_not_end() -> None:
    assert AlertBook().end("link", 0.0) == ()


def test_an_end_of_what_flaps_is_held_back() -> None:
    book = AlertBook(flaps=3, window=300.0, settle=60.0)
    for now in (0.0, 10.0):
        assert len(put(book, now)) == len(book.end("link", now + 5.0)) == 1
    put(book, 20.0)
    assert book.end("link", 25.0) == ()
    assert [bool(book.check(now)) for now in (84.0, 85.0)] == [False, True]


def test_what_begins_again_before_its_end_has_settled_has_never_ended() -> None:
    book = AlertBook(flaps=1, settle=60.0, hold=1e6)
    put(book, 0.0)
    book.end("link", 5.0)
    assert put(book, 10.0) == ()
    assert book.check(100.0) == ()
    assert [alert.count for alert in book.active()] == [2]


def test_repeated_ends_of_what_flaps_do_not_postpone_its_end() -> None:
    book = AlertBook(flaps=1, settle=60.0)
    put(book, 0.0)
    book.end("link", 1.0)
    book.end("link", 50.0)
    assert [alert.ended for alert in book.check(61.0)] == [61.0]


def test_what_came_and_went_long_ago_does_not_flap() -> None:
    book = AlertBook(flaps=2, window=300.0)
    for now in (0.0, 400.0, 800.0):
        put(book, now)
        assert len(book.end("link", now + 1.0)) == 1


def test_what_nobody_raises_for_a_day_ends() -> None:
    book = AlertBook(forget_after=86_400.0)
    put(book, 0.0)
    assert [alert.ended for alert in book.check(86_400.0)] == [86_400.0]


def test_a_graver_alert_displaces_the_mildest_which_thereby_ends() -> None:
    book = AlertBook(most=2)
    put(book, 0.0, "a", ERROR)
    put(book, 1.0, "b", WARNING)
    ended, begun = put(book, 2.0, "c", CRITICAL)
    assert (ended.key, ended.ended, begun.key, book.dropped) == ("b", 2.0, "c", 1)


def test_an_alert_that_finds_no_room_is_counted() -> None:
    book = AlertBook(most=1)
    put(book, 0.0, "a", ERROR)
    assert (put(book, 1.0, "b", ERROR), book.dropped, [alert.key for alert in book.active()]) == ((), 1, ["a"])


def test_the_gravest_come_first_and_of_these_the_oldest() -> None:
    book = AlertBook()
    for now, (key, severity) in enumerate([("a", WARNING), ("b", CRITICAL), ("c", CRITICAL)]):
        put(book, float(now), key, severity)
    assert [alert.key for alert in book.active()] == ["b", "c", "a"]


def test_ended_ones_are_remembered_up_to_a_bound() -> None:
    book = AlertBook(kept=2)
    for key in "abc":
        put(book, 0.0, key)
        book.end(key, 1.0)
    assert [alert.key for alert in book.ended()] == ["c", "b"]


def test_a_finding_without_a_severity_ends_it() -> None:
    book = AlertBook()
    book.take(Finding(AlertKind.SYSTEM, "ban", ERROR, "banned"), 0.0)
    (over,) = book.take(Finding(AlertKind.SYSTEM, "ban", None), 1.0)
    assert over.ended == 1.0


step = st.tuples(
    st.sampled_from(["put", "end", "check"]),
    st.sampled_from("abcd"),
    st.sampled_from([WARNING, ERROR, CRITICAL]),
    st.floats(0, 90),
)


@settings(max_examples=60)
@given(st.lists(step, max_size=80), st.integers(1, 4), st.integers(1, 4))
def test_whatever_happens_beginnings_and_ends_alternate_and_nothing_is_said_too_often(
    steps: list[tuple[str, str, Severity, float]], flaps: int, most: int
) -> None:
    book, now = AlertBook(flaps=flaps, most=most), 0.0
    last: dict[str, tuple[float, Severity]] = {}  # {key: when it was said last, and how grave}; those that are on
    for verb, key, severity, pause in steps:
        now += pause
        said = put(book, now, key, severity) if verb == "put" else book.end(key, now) if verb == "end" else book.check(now)
        for alert in said:
            if alert.ended is not None:
                assert alert.key in last, "an end of what was not on, or a second one"
                del last[alert.key]
                continue
            if alert.key in last:
                at, grave = last[alert.key]
                assert alert.severity > grave or now - at >= book.hold
            last[alert.key] = (now, alert.severity)
        assert {alert.key for alert in book.active()} == set(last)
        assert len(last) <= most
        assert all(alert.suppressed < alert.count for alert in book.active())
