"""A file of policies: what it makes, what is shared, and everything that is wrong with it at once."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from actors.errors import Category, ConfigurationError, NetworkError, Severity
from actors.resilience import (
    BreakerRegistry,
    CircuitBreaker,
    Fallback,
    Hedge,
    Jitter,
    RecoveryKind,
    Resilience,
    Retry,
    load_resilience,
    read_resilience,
)
from actors.resilience.configuring.configuration import config_of
from actors.resilience.configuring.configured import SECTIONS
from actors.resilience.configuring.option_shapes import options_of
from actors.resilience.limiting.limit import Limit, LimitKind
from supervisor.backoff import BackoffKind

WHOLE = """
[defaults.retry]
attempts = 5
[defaults.retry.delays]
initial = 1
jitter = "full"
[defaults.breaker]
open_for = 10

[retry.rest]
within = 10.0
budget = "budget.shared"
on = ["NetworkError", "TimeoutError"]
[retry.rest.delays]
kind = "fibonacci"
[budget.shared]
capacity = 100
[breaker.binance]
failures = 7
failure_rate = 0.5
failure_on = ["OSError"]
[limiter.rest]
windows = [{ weight = 6000, within = 60.0 }, { weight = 50, within = 10, kind = "bucket" }]
patience = "none"
[timeout.rest]
within = 3
[bulkhead.rest]
limit = 3
[fallback.rest]
value = [1, "a"]
[hedge.rest]
delay = 0.1
idempotent = true
budget = "shared"
[pipeline.rest]
policies = ["limiter.rest", "retry.rest", "breaker.binance", "timeout.rest"]
[pipeline.all]
policies = ["fallback.rest", "pipeline.rest"]
[monitor.all]
rules = [{ name = "many", rate = 30.0, category = ["network"], severity = "critical" }]
[recovery.all]
strategies = { orders = [{ kind = "retry", when = { severity = "error" }, backoff = { initial = 2 } }] }
"""


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read_resilience(text, source="bot.toml")
    assert str(caught.value).startswith("bot.toml has ")
    return list(caught.value.problems)


# ---- what a file makes


def test_each_section_makes_its_policies() -> None:
    found = read_resilience(WHOLE)
    retry = found.retry("rest")
    assert (retry.name, retry.attempts, retry.within, retry.on) == ("retry.rest", 5, 10.0, (NetworkError, TimeoutError))
    assert (retry.delays.initial, retry.delays.kind, retry.delays.jitter) == (1.0, BackoffKind.FIBONACCI, Jitter.FULL)
    breaker = found.breaker("binance")
    assert (breaker.name, breaker.config.failures, breaker.config.open_for) == ("binance", 7, 10.0)
    assert breaker.failure_on == (OSError,)
    limiter = found.limiter("rest")
    assert limiter.windows == (Limit(6000, 60.0), Limit(50, 10.0, LimitKind.BUCKET))
    assert limiter.patience is None
    assert found.timeout("rest").within == 3.0
    assert found.bulkhead("rest").limit == 3
    assert found.fallback("rest").value == [1, "a"]
    assert found.hedge("rest").delay == 0.1
    (rule,) = found.monitor("all").rules
    assert (rule.name, rule.category, rule.severity) == ("many", (Category.NETWORK,), Severity.CRITICAL)
    (action,) = found.recovery("all").strategies["orders"]
    assert (action.kind, action.when.severity, action.backoff.initial) == (RecoveryKind.RETRY, Severity.ERROR, 2.0)


def test_who_names_a_policy_gets_the_same_one() -> None:
    found = read_resilience(WHOLE)
    assert found.retry("rest").budget is found.hedge("rest").budget is found.budget("shared")
    inner = (found.limiter("rest"), found.retry("rest"), found.breaker("binance"), found.timeout("rest"))
    assert found.pipeline("rest").policies == inner
    assert found.pipeline("all").policies == (found.fallback("rest"), *inner)


def test_a_breaker_of_a_file_is_the_one_of_the_registry() -> None:
    breakers = BreakerRegistry()
    found = read_resilience(WHOLE, breakers=breakers)
    assert breakers.get("binance", failures=7) is found.breaker("binance")
    assert found.pipeline("rest").policies[2] is found.breaker("binance")


def test_a_registry_sees_nothing_of_a_file_with_problems() -> None:
    breakers = BreakerRegistry()
    with pytest.raises(ConfigurationError):
        read_resilience("[breaker.one]\n[retry.two]\nattempts = 0", breakers=breakers)
    assert breakers.get("one", failures=1).config.failures == 1


def test_a_registry_that_has_it_otherwise_is_a_problem_of_the_file() -> None:
    breakers = BreakerRegistry()
    breakers.get("one", failures=1)
    with pytest.raises(ConfigurationError, match=r"breaker\.one"):
        read_resilience("[breaker.one]\nfailures = 2", breakers=breakers)


def test_a_file_shows_what_it_makes() -> None:
    shown = str(read_resilience(WHOLE, source="bot.toml"))
    assert shown.startswith("bot.toml\n  retry.rest: 5 attempts within 10 s")
    assert [path for path, _ in read_resilience(WHOLE)][:3] == ["retry.rest", "budget.shared", "breaker.binance"]


def test_an_empty_file_makes_nothing() -> None:
    assert list(read_resilience("")) == []
    assert read_resilience("").names("retry") == ()


def test_a_table_of_a_bigger_file_is_read_as_well() -> None:
    assert read_resilience({"retry": {"rest": {"attempts": 4}}}).retry("rest").attempts == 4


def test_a_name_that_is_no_plain_word_is_quoted() -> None:
    assert problems('[retry."rest api"]\nattempts = 0')[0].startswith('retry."rest api".attempts is 0')
    assert read_resilience('[retry."rest.api"]\n[pipeline.a]\npolicies = ["retry.rest.api"]').names("retry") == ("rest.api",)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rset", "no retry 'rset' in bot.toml; did you mean rest?; there are rest"),
        ("orders", "no retry 'orders' in bot.toml; there are rest"),
    ],
)
def test_an_unknown_policy_names_those_there_are(name: str, expected: str) -> None:
    found = read_resilience("[retry.rest]", source="bot.toml")
    with pytest.raises(LookupError) as caught:
        found.retry(name)
    assert caught.value.args == (expected,)


def test_a_section_that_is_not_there_is_said() -> None:
    found = read_resilience("[retry.rest]", source="bot.toml")
    with pytest.raises(LookupError, match=r"no breaker 'rest' in bot\.toml; bot\.toml has no section \[breaker"):
        found.breaker("rest")
    with pytest.raises(LookupError, match="no section 'retri'; did you mean retry"):
        found.names("retri")


# ---- what is wrong with a file


def test_everything_that_is_wrong_is_told_at_once_with_its_path() -> None:
    text = """
    [defaults.retri]
    [defaults.retry]
    atempts = 5
    [retry.rest]
    within = -1
    on_retry = "print"
    name = "other"
    [retry.rest.delays]
    kind = "exponental"
    [retry.orders]
    budget = "budget.shaerd"
    [budget.shared]
    [limiter.rest]
    windows = [{ weight = 6000, within = 60.0 }, { wieght = 1, within = -1 }]
    [braker.binance]
    [pipeline.rest]
    policies = ["retry.rst", "limiter", 3]
    [pipeline.empty]
    policies = []
    [timeout]
    within = 3
    """
    found = problems(text)
    begins = [
        "braker is no section; did you mean breaker?; there are defaults, retry,",
        "defaults.retri is no section; did you mean retry?; there are retry,",
        "defaults.retry.atempts is no option of Retry; did you mean attempts?; there are attempts,",
        "retry.rest.name is not said here",
        'retry.rest.delays.kind is "exponental"; expected "fixed", "linear", "exponential" or "fibonacci"; did you mean "exp',
        "retry.rest.on_retry cannot be said in a file",
        "retry.rest.within is -1.0; expected seconds above 0",
        'retry.orders.budget is "budget.shaerd"; expected the name of one that is in this file: budget.shared; did you mean "b',
        "limiter.rest.windows[1].wieght is no option of Limit; did you mean weight?",
        "limiter.rest.windows[1].weight is missing",
        "limiter.rest.windows[1].within is -1.0; expected seconds above 0",
        'pipeline.rest.policies[0] is "retry.rst"; expected the name of one that is in this file: retry.rest, ',
        'pipeline.rest.policies[1] is "limiter"; expected the name of one',
        "pipeline.rest.policies[2] is 3; expected the name of a policy",
        "pipeline.empty.policies is an empty list; expected names, outermost first",
        "timeout.within is 3; expected a table of options, such as [timeout.rest]",
    ]
    missing = [begin for begin in begins if not any(problem.startswith(begin) for problem in found)]
    assert missing == []
    assert len(found) == len(begins)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            '[pipeline.a]\npolicies = ["pipeline.b"]\n[pipeline.b]\npolicies = ["pipeline.a"]',
            (
                "pipeline.b.policies[0] leads back to itself: pipeline.a -> pipeline.b -> pipeline.a; "
                "expected none that contains itself"
            ),
        ),
        (
            "[pipeline.a]",
            'pipeline.a.policies is missing; expected a list, each the name of a policy, such as "retry.rest"',
        ),
        ("retry = 3", "retry is 3; expected tables, such as [retry.rest]"),
        ("defaults = 3", "defaults is 3; expected tables, such as [defaults.retry]"),
        ("[defaults]\nretry = 3", "defaults.retry is 3; expected a table of options"),
        ('[retry.""]', 'retry."" has no name; expected one, such as [retry.rest]'),
        ('[breaker.b]\nfailures = "3"', 'breaker.b.failures is "3"; expected a count of 1 or more, for example failures=5'),
        (
            '[retry.a]\nbudget = "shared"',
            'retry.a.budget is "shared"; expected a name, such as budget.rest, of one that is in this file',
        ),
        (
            '[retry.a]\nidempotent = "yes"',
            'retry.a.idempotent is "yes"; expected idempotent=true or idempotent=false',
        ),
        (
            f"[retry.a]\nwithin = {'9' * 400}",
            f'retry.a.within is {"9" * 60}; expected seconds above 0, or "none", for example within=10.0',
        ),
        (
            f"[retry.a]\nattempts = {'9' * 5000}",
            "a number of thousands of digits, or thousands of levels; expected a file that a person can read",
        ),
        (
            f"[fallback.a]\nvalue = {'[' * 3000}{']' * 3000}",
            "a number of thousands of digits, or thousands of levels; expected a file that a person can read",
        ),
        (
            '[retry.a]\non = "Timeouterr"',
            (
                'retry.a.on is "Timeouterr"; expected the name of an error, such as "NetworkError" or "TimeoutError", a list '
                'of such names or "none"; did you mean "TimeoutError"?'
            ),
        ),
    ],
)
def test_a_file_that_cannot_work_says_why(text: str, problem: str) -> None:
    assert problems(text) == [problem]


def test_a_wrong_policy_is_told_once_however_many_pipelines_name_it() -> None:
    found = problems('[retry.a]\nattempts = 0\n[pipeline.b]\npolicies = ["retry.a"]\n[pipeline.c]\npolicies = ["retry.a"]')
    assert [problem.partition(" ")[0] for problem in found] == ["retry.a.attempts"]


def test_the_same_policy_twice_in_a_pipeline_is_refused() -> None:
    (problem,) = problems('[retry.a]\n[pipeline.b]\npolicies = ["retry.a", "retry.a"]')
    assert problem.startswith("pipeline.b is ")
    assert "each policy once" in problem


# ---- files


def test_a_file_is_read_by_what_its_name_ends_with(tmp_path: Path) -> None:
    toml, yaml = tmp_path / "bot.toml", tmp_path / "bot.YAML"
    toml.write_text("\ufeff" + WHOLE, encoding="utf-8")
    yaml.write_text("retry:\n  rest:\n    attempts: 4\n    on: [NetworkError]\n    within: null\n", encoding="utf-8")
    assert load_resilience(toml).retry("rest").attempts == 5
    found = load_resilience(str(yaml))
    assert (found.source, found.retry("rest").attempts, found.retry("rest").on) == (str(yaml), 4, (NetworkError,))


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("bot.toml", b"[retry.a]\nattempts = \n", "line 2, column 12: "),
        ("bot.toml", b"[retry.a]\n[retry.a]\n", "line 2, column 9: "),
        ("bot.toml", b"\xff\xfe", "it cannot be read: it is not UTF-8"),
        ("bot.yml", b"retry:\n  a: {attempts: 3, attempts: 4}\n", "line 2, column 20: attempts stands twice"),
        ("bot.yml", b"retry:\n  a: {idempotent: yes}\n", "line 2, column 19: yes is true or false to some readers"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_line(tmp_path: Path, name: str, content: bytes, problem: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        load_resilience(tmp_path / name)
    assert caught.value.source == str(tmp_path / name)
    assert caught.value.problems[0].startswith(problem)


def test_yaml_that_nests_without_end_is_named(tmp_path: Path) -> None:
    (tmp_path / "bot.yaml").write_text("retry: " + "[" * 3000)
    with pytest.raises(ConfigurationError, match="thousands of levels"):
        load_resilience(tmp_path / "bot.yaml")


@pytest.mark.parametrize(("given", "shown"), [(None, "empty"), (5, "5"), ([], "an empty list")])
def test_what_is_no_table_is_refused(given: Any, shown: str) -> None:
    with pytest.raises(ConfigurationError, match=f"it is {shown}; expected a table with sections"):
        read_resilience(given, source="bot.toml")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="it cannot be read: No such file or directory"):
        load_resilience(tmp_path / "gone.toml")


# ---- every option can be said in a file, or is something that only code has

ONLY_IN_CODE = {
    "retry": {"on_result", "on_retry", "random", "clock"},
    "budget": {"on_suppressed", "clock"},
    "breaker": {"failed_result", "listeners", "clock", "random"},
    "timeout": {"on_late"},
    "bulkhead": {"clock"},
    "limiter": {"clock"},
    "fallback": {"function", "instead", "key", "on_fallback", "clock"},
    "hedge": set(),
    "pipeline": set(),
    "recovery": {"key", "listeners", "clock", "random"},
    "monitor": {"listeners", "clock"},
}
"""Functions, all of them."""
NAMED = {"budget": "budget.shared", "policies": ["retry.shared"]}
NEEDED: dict[str, dict[str, Any]] = {
    "timeout": {"within": 1.0},
    "bulkhead": {"limit": 1},
    "limiter": {"windows": [{"weight": 1, "within": 1.0}]},
    "fallback": {"cached": 1.0},
    "hedge": {"delay": 1.0, "idempotent": True},
    "pipeline": {"policies": ["retry.shared"]},
}
"""What a policy must be given."""
SAID: dict[tuple[str, str], Any] = {
    ("retry", "delays"): {"maximum": 77.0},
    ("retry", "on"): "OSError",
    ("breaker", "failure_on"): ["OSError"],
    ("breaker", "ignore"): ["OSError"],
    ("breaker", "slow_rate"): 0.5,
    ("limiter", "windows"): [{"weight": 9, "within": 2.0}],
    ("limiter", "weight"): 1,
    ("fallback", "on"): ["OSError"],
    ("fallback", "value"): "stand-in",
    ("hedge", "on"): "OSError",
    ("hedge", "idempotent"): True,
    ("recovery", "actions"): [{"kind": "retry"}],
    ("recovery", "strategies"): {"orders": [{"kind": "ignore"}]},
    ("monitor", "rules"): [{"name": "many", "rate": 1.0}],
}
TOGETHER: dict[tuple[str, str], dict[str, Any]] = {("breaker", "slow_rate"): {"slow_after": 1.0}}
"""What an option needs beside it."""


def options(section: str) -> dict[str, Any]:
    """All that stand in a table of this section, with what stands for them when nothing is said."""
    kind = SECTIONS[section]
    inner = config_of(kind)
    return {
        name: option
        for name, option in {**options_of(kind), **(options_of(inner) if inner else {})}.items()
        if name != "name" and not (inner and name == "config")
    }


def test_every_option_can_be_said_in_a_file_or_is_a_function() -> None:
    code = {section: {name for name, option in options(section).items() if not option.shape.settable} for section in SECTIONS}
    assert code == ONLY_IN_CODE


def said(section: str, name: str, option: Any) -> Any:
    """Something for this option that is not its default."""
    if (section, name) in SAID:
        return SAID[section, name]
    if name in NAMED:
        return NAMED[name]
    default = option.attribute.default
    if isinstance(default, bool):
        return not default
    if float in option.shape.plain:
        # Shares are below 1, as what is compared with them.
        return (
            0.25
            if "rate" in name or "jitter" in name
            else float(default or 1.0) + 0.5
            if isinstance(default, int | float)
            else 0.5
        )
    return default + 1 if isinstance(default, int) else 2


@pytest.mark.parametrize(
    ("section", "name"),
    [(section, name) for section in SECTIONS for name, one in options(section).items() if one.shape.settable],
)
def test_what_is_said_for_an_option_is_what_the_policy_has(section: str, name: str) -> None:
    option = options(section)[name]
    value = said(section, name, option)
    shared = {"budget": {"shared": {}}, "retry": {"shared": {}}}
    table = {**NEEDED.get(section, {}), **TOGETHER.get((section, name), {}), name: value}
    for tables in ({section: {"a": table}}, {"defaults": {section: table}, section: {"a": {}}}):
        data: dict[str, Any] = {**shared, **tables}
        data.setdefault(section, {})
        if section in shared:
            data[section] = {**shared[section], **data[section]}
        with warnings.catch_warnings():
            found = read_resilience(data)
        one = dict(found)[f"{section}.a"]
        holder = one if name in options_of(type(one)) else getattr(one, "config")  # noqa: B009  # only a breaker has it
        has = getattr(holder, name)
        untouched = option.attribute.default
        assert has != untouched or name in ("idempotent", "weight", "cached")
        if isinstance(value, bool | int | float | str) and name not in ("on", "budget"):
            assert has == value


def test_the_accessors_are_those_of_the_sections() -> None:
    found = read_resilience(WHOLE)
    for section in SECTIONS:
        (name, *_) = found.names(section)
        assert getattr(Resilience, section)(found, name) is dict(found)[f"{section}.{name}"]
    kinds: list[type] = [Retry, CircuitBreaker, Fallback, Hedge]
    assert [
        type(getattr(found, name)(first))
        for name, first in (("retry", "rest"), ("breaker", "binance"), ("fallback", "rest"), ("hedge", "rest"))
    ] == kinds
