"""Options out of a file: what is right becomes a value, and all that is wrong is told at once, with its full path."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Mapping
from enum import IntEnum, StrEnum
from typing import Any, Literal

import pytest
from attrs import Attribute, field, frozen

from actors.errors import ConfigurationError, NetworkError
from actors.errors.checks import count, refuse, seconds
from actors.resilience.configuring.configuration import WRONG, Layer, Reader
from actors.resilience.configuring.documents import parse_toml, parse_yaml
from actors.resilience.configuring.option_shapes import error_named, expected, options_of, shape_of


class Colour(StrEnum):
    RED = "red"
    DARK_BLUE = "dark_blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


def not_above_most(thing: Thing, attribute: Attribute[Any], value: float) -> None:
    if value > thing.most:
        refuse(thing, attribute, value, f"no more than most={thing.most!r}")


@frozen(kw_only=True)
class Part:
    size: int = field(default=1, validator=count(1))
    colour: Colour = Colour.RED


@frozen(kw_only=True)
class Thing:
    name: str = "thing"
    most: float = field(default=10.0, validator=seconds(10.0))
    least: float = field(default=1.0, validator=not_above_most)
    calls: int = field(default=3, validator=count(3))
    loud: bool = False
    colour: Colour | None = Colour.RED
    level: Level = Level.LOW
    side: Literal["left", "right"] = "left"
    within: float | None = 5.0
    part: Part = Part()
    parts: tuple[Part, ...] = ()
    on: type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool] = Exception
    weights: Mapping[str, int] = field(factory=dict)
    value: object = None
    hook: Callable[[int], None] | None = None
    _state: int = field(default=0, init=False)


@frozen(kw_only=True)
class Needy:
    size: int = field(validator=count(7))


def read(table: Mapping[str, object], kind: type = Thing, defaults: Mapping[str, object] | None = None) -> Any:
    """The value, or what is wrong."""
    reader = Reader()
    layers = [Layer("thing.a", table)]
    if defaults is not None:
        layers.insert(0, Layer("defaults.thing", defaults))
    found = reader.read(kind, layers)
    assert (found is WRONG) == bool(reader.problems)
    return list(reader.problems) if found is WRONG else found


# ---- what is right


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("calls", 5, 5),
        ("most", 5, 5.0),
        ("most", 5.5, 5.5),
        ("loud", True, True),
        ("colour", "dark_blue", Colour.DARK_BLUE),
        ("colour", "none", None),
        ("colour", None, None),
        ("level", "high", Level.HIGH),
        ("side", "right", "right"),
        ("within", "none", None),
        ("within", 2, 2.0),
        ("part", {"size": 2}, Part(size=2)),
        ("parts", [{"size": 2}, {"colour": "dark_blue"}], (Part(size=2), Part(colour=Colour.DARK_BLUE))),
        ("parts", [], ()),
        ("on", "NetworkError", NetworkError),
        ("on", ["TimeoutError", "NetworkError"], (TimeoutError, NetworkError)),
        ("weights", {"a": 1, "b": 2}, {"a": 1, "b": 2}),
        ("value", {"any": ["thing", 1]}, {"any": ["thing", 1]}),
        ("value", [1, "a"], [1, "a"]),
        ("value", "none", "none"),
    ],
)
def test_an_option_is_read_by_its_type(name: str, given: object, value: object) -> None:
    found = getattr(read({name: given}), name)
    assert (found, type(found)) == (value, type(value))


def test_what_is_not_given_keeps_its_default() -> None:
    assert read({}) == Thing()


def test_a_default_of_the_file_stands_below_what_a_table_says_itself() -> None:
    found = read(
        {"calls": 7, "part": {"size": 2}}, defaults={"calls": 4, "most": 20, "part": {"size": 9, "colour": "dark_blue"}}
    )
    assert found == Thing(calls=7, most=20.0, part=Part(size=2, colour=Colour.DARK_BLUE))


def test_a_list_takes_the_place_of_the_default_whole() -> None:
    assert read({"parts": [{}]}, defaults={"parts": [{"size": 2}, {"size": 3}]}).parts == (Part(),)


def test_a_file_cannot_reach_what_is_private() -> None:
    assert "_state" not in options_of(Thing)
    assert read({"_state": 1})[0].startswith("thing.a._state is no option of Thing")


# ---- what is wrong


@pytest.mark.parametrize(
    ("name", "given", "problem"),
    [
        ("calls", "5", 'thing.a.calls is "5"; expected a count of 1 or more, for example calls=3'),
        ("calls", 0, "thing.a.calls is 0; expected a count of 1 or more, for example calls=3"),
        ("calls", True, "thing.a.calls is true; expected a count of 1 or more, for example calls=3"),
        ("calls", 1.5, "thing.a.calls is 1.5; expected a count of 1 or more, for example calls=3"),
        ("most", "soon", 'thing.a.most is "soon"; expected seconds above 0, for example most=10.0'),
        ("most", [], "thing.a.most is an empty list; expected seconds above 0, for example most=10.0"),
        ("most", {}, "thing.a.most is a table; expected seconds above 0, for example most=10.0"),
        ("loud", "yes", 'thing.a.loud is "yes"; expected true or false'),
        ("loud", 1, "thing.a.loud is 1; expected true or false"),
        ("colour", "rde", 'thing.a.colour is "rde"; expected "red", "dark_blue" or "none"; did you mean "red"?'),
        ("colour", 1, 'thing.a.colour is 1; expected "red", "dark_blue" or "none"'),
        ("level", "hihg", 'thing.a.level is "hihg"; expected "low" or "high"; did you mean "high"?'),
        ("level", 2, 'thing.a.level is 2; expected "low" or "high"'),
        ("side", "wright", 'thing.a.side is "wright"; expected "left" or "right"; did you mean "right"?'),
        ("within", None, None),
        ("calls", None, "thing.a.calls is empty; expected a count of 1 or more, for example calls=3"),
        ("part", 3, "thing.a.part is 3; expected a table with the options of Part"),
        ("part", "big", 'thing.a.part is "big"; expected a table with the options of Part'),
        ("parts", {}, "thing.a.parts is a table; expected a list, each a table with the options of Part"),
        ("parts", [{}, {"size": 0}], "thing.a.parts[1].size is 0; expected a count of 1 or more, for example size=1"),
        ("parts", [3], "thing.a.parts[0] is 3; expected a table with the options of Part"),
        (
            "on",
            ["NetworkEror"],
            (
                'thing.a.on[0] is "NetworkEror"; expected the name of an error, such as "NetworkError" or "TimeoutError"; '
                'did you mean "NetworkError"?'
            ),
        ),
        ("weights", {"a b": "1"}, 'thing.a.weights."a b" is "1"; expected a whole number'),
        (
            "hook",
            "print",
            "thing.a.hook cannot be said in a file, as it is a function or another object; set Thing.hook in code",
        ),
    ],
)
def test_a_wrong_value_is_told_with_its_path_what_was_given_and_what_is_allowed(
    name: str, given: object, problem: str | None
) -> None:
    found = read({name: given})
    assert found == ([problem] if problem else Thing(within=None))


def test_everything_is_told_at_once() -> None:
    found = read({"cals": 1, "calls": 0, "most": -1, "part": {"size": 0, "hue": 1}, "parts": [{"size": 0}], "on": "KeyEror"})
    assert [problem.partition(" ")[0] for problem in found] == [
        "thing.a.cals",
        "thing.a.part.hue",
        "thing.a.part.size",
        "thing.a.parts[0].size",
        "thing.a.on",
        "thing.a.most",
        "thing.a.calls",
    ]


def test_an_unknown_option_names_the_one_that_was_meant_and_all_there_are() -> None:
    (problem,) = read({"sise": 1}, kind=Part)
    assert problem == "thing.a.sise is no option of Part; did you mean size?; there are size, colour"


def test_an_option_that_must_be_said_is_missed() -> None:
    assert read({}, kind=Needy) == ["thing.a.size is missing; expected a count of 1 or more, for example size=7"]


def test_what_depends_on_a_wrong_option_is_not_judged_by_it() -> None:
    assert read({"most": -5, "least": 0.1}) == ["thing.a.most is -5.0; expected seconds above 0, for example most=10.0"]
    assert read({"most": "x", "least": 0.1}) == ['thing.a.most is "x"; expected seconds above 0, for example most=10.0']


def test_what_does_not_go_together_is_told_where_it_was_said() -> None:
    assert read({"least": 20}) == ["thing.a.least is 20.0; expected no more than most=10.0"]
    assert read({"most": 0.5}) == ["thing.a.least, which is not given, is 1.0; expected no more than most=0.5"]
    assert read({"most": 2}, defaults={"least": 3}) == ["defaults.thing.least is 3.0; expected no more than most=2.0"]


def test_a_wrong_default_is_told_once_however_many_use_it() -> None:
    reader = Reader()
    bad = Layer("defaults.thing", {"calls": 0, "cals": 1})
    reader.check(Thing, bad, "name")
    for name in "abc":
        assert reader.read(Thing, [bad, Layer(f"thing.{name}", {})], name=name) is WRONG
    assert [problem.partition(" ")[0] for problem in reader.problems] == ["defaults.thing.cals", "defaults.thing.calls"]


def test_defaults_need_not_be_whole() -> None:
    reader = Reader()
    reader.check(Needy, Layer("defaults.needy", {}))
    assert reader.problems == ()


def test_a_class_that_refuses_the_whole_is_heard() -> None:
    @frozen
    class Moody:
        one: int = 1

        def __attrs_post_init__(self) -> None:
            raise ValueError("not today")

    assert read({}, kind=Moody) == ["thing.a: not today"]


def test_a_validator_that_is_broken_is_no_problem_of_the_file() -> None:
    def broken(thing: Any, attribute: Attribute[Any], value: object) -> None:
        raise AttributeError("a bug")

    @frozen
    class Buggy:
        one: int = field(default=1, validator=broken)

    with pytest.raises(AttributeError, match="a bug"):
        read({"one": 2}, kind=Buggy)


# ---- secrets

KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"


@pytest.mark.parametrize(
    "table",
    [
        {"api_key": KEY},
        {"colour": KEY},
        {"calls": f"Bearer {KEY}"},
        {"side": "https://me:hunter2secret@host/"},
        {"on": [KEY]},
        {"part": {"colour": KEY}},
        {"weights": {"password": "hunter2secret"}},
        {"part": "-----BEGIN PRIVATE KEY-----hunter2secret"},
    ],
)
def test_what_may_be_a_secret_is_not_told(table: Mapping[str, object]) -> None:
    (problem,) = read(table)
    assert "hunter2secret" not in problem
    assert KEY[:10] not in problem


def test_a_long_text_is_cut() -> None:
    (problem,) = read({"side": "far far away " * 20})
    assert len(problem) < 150


# ---- types


def test_every_error_that_a_name_finds_can_be_retried() -> None:
    assert error_named("NetworkError") is NetworkError
    assert error_named("ConnectionError") is builtins.ConnectionError
    for name in ("KeyboardInterrupt", "BaseException", "print", "classify", "os", "__import__", "CancelledError"):
        assert error_named(name) is None


def test_what_is_allowed_is_said_in_words() -> None:
    assert expected(shape_of(float | Part | Callable[[], float] | None)) == (
        'a number, a table with the options of Part or "none"'
    )
    assert expected(shape_of(Callable[[], float] | None)) == "nothing: only code can say it"
    assert expected(shape_of(list[bool])) == "a list, each true or false"


# ---- TOML and YAML


def problems(parse: Callable[[str, str], object], text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        parse(text, "bot.conf")
    assert caught.value.source == "bot.conf"
    return caught.value.problems


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("[a]\nb = 1\nc = \n", "line 3, column 5: "),
        ("[a]\nb = 1\nb = 2\n", "line 3, column 6: "),
        ("[a]\n[a]\n", "line 2, column 3: "),
        ("[a]\nb = [1,", "end of the file: "),
    ],
)
def test_toml_that_cannot_be_read_is_told_with_its_line(text: str, begins: str) -> None:
    (problem,) = problems(parse_toml, text)
    assert problem.startswith(begins)
    assert problem.endswith("; expected TOML")


def test_yaml_is_plain_data() -> None:
    text = """
    a: {one: 1, two: 2.5, on: true, text: words, quoted: "yes", date: '2020-01-01', nothing: , e: 1e3, big: 1_000, hex: 0x10}
    b: [1, "x", [], {}]
    c: &shared {d: .inf}
    e: *shared
    """
    assert parse_yaml(text, "x") == {
        "a": {
            "one": 1,
            "two": 2.5,
            "on": True,
            "text": "words",
            "quoted": "yes",
            "date": "2020-01-01",
            "nothing": None,
            "e": 1000.0,
            "big": 1000,
            "hex": 16,
        },
        "b": [1, "x", [], {}],
        "c": {"d": float("inf")},
        "e": {"d": float("inf")},
    }
    assert parse_yaml("", "x") == {}


def test_what_readers_of_yaml_understand_differently_is_told_all_at_once() -> None:
    text = "a: yes\nb: {c: Off, d: 012}\ne: 1:30\na: 1\nf: 2020-01-01\ng: !!python/object:os.system ls\n1: one\nh: !!map [1]\n"
    found = problems(parse_yaml, text)
    assert [problem.partition(",")[0] for problem in found] == [f"line {line}" for line in (1, 2, 2, 3, 4, 5, 6, 7, 8)]
    assert (
        found[0]
        == "line 1, column 4: yes is true or false to some readers of YAML and text to others; expected true, false or quotes"
    )
    assert found[4] == "line 4, column 1: a stands twice, in line 1 already; expected it once"


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("a: [1\nb: 2\n", "line 2, column "),
        ("a: b: c", "line 1, column "),
        ("- a\n- b\n", "it is no mapping"),
        ("words", "it is no mapping"),
        ("%YAML 1.1\n---\na: on\n", "line 3, column 4: on is true or false"),
        ("a: *gone", "line 1, column "),
        ("a: \0", ""),
        ("<<: {a: 1}", "line 1, column 1: `<<`"),
    ],
)
def test_yaml_that_cannot_be_read_is_told_with_its_line(text: str, begins: str) -> None:
    assert problems(parse_yaml, text)[0].startswith(begins)


def test_yaml_that_grows_without_end_is_refused() -> None:
    laughs = "".join(
        f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 9 if number else ['lol'])}]\n" for number in range(20)
    )
    (problem,) = problems(parse_yaml, laughs)
    assert "10,000 values" in problem
    assert "20 levels" in problems(parse_yaml, "a: " + "[" * 30 + "]" * 30)[0]


def test_without_the_library_yaml_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name == "ruamel" or name.startswith("ruamel.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ruamel.yaml", None)
    (problem,) = problems(parse_yaml, "a: 1")
    assert "pip install 'oneforone[yaml]'" in problem
