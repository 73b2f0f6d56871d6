"""`oneforone check`: what it draws, what it says, and how it exits."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from actors.cli import main
from supervisor.commands import check, ending
from tests.commands.support import ROOT, module, oneforone


@pytest.mark.parametrize("target", ["ofo_bot:GOOD", "ofo_bot:make"])
def test_check_draws_the_tree(folder: Path, capsys: pytest.CaptureFixture[str], target: str) -> None:
    assert check(target) == 0
    assert capsys.readouterr().out.splitlines() == [
        "bot · supervisor · permanent · one_for_one · 5 restarts in 10 s · stops in its own time",
        "  account [red] · actor · permanent · stops within 5 s · name 'account'",
        "  in · supervisor · permanent · rest_for_one · 5 restarts in 10 s · stops in its own time",
        "    job · task · permanent · stops within 5 s",
        "nothing to say against it",
    ]


def test_check_takes_an_attribute_with_dots(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("ofo_bot:Holder.INNER") == 0
    assert capsys.readouterr().out.startswith("inner · supervisor")


def test_check_finds_a_module_in_a_package_of_the_current_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "ofo_package").mkdir()
    (folder / "ofo_package" / "trees.py").write_text((folder / "ofo_bot.py").read_text())
    assert check("ofo_package.trees:GOOD") == 0


def test_warnings_are_said_once_for_all_whom_they_concern_and_are_not_wrong(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check("ofo_bot:WARNED") == 0
    [warning] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning")]
    assert warning.startswith("warning: bot/a0, bot/a1, bot/a2 and 2 more: its backoff is too slow")
    assert warning.endswith("[restarts-for-ever]")


@pytest.mark.item(196)
def test_check_says_of_a_default_backoff_that_it_never_trips_the_default_intensity(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check("ofo_bot:WARNED")
    assert "restarts for ever, at most 4 times within any 10 s, where 5 are allowed" in capsys.readouterr().out


def test_strict_counts_warnings(folder: Path) -> None:
    assert check("ofo_bot:WARNED", strict=True) == 1
    assert check("ofo_bot:GOOD", strict=True) == 0


def test_what_will_fail_when_it_starts_is_wrong(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("ofo_bot:WRONG") == 1
    assert "wrong: bot/a: its start is called without arguments, and needs number" in capsys.readouterr().out


def test_portable_says_why_not_and_only_when_it_is_asked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("ofo_bot:LOCAL") == 0
    assert "pickled" not in capsys.readouterr().out
    assert check("ofo_bot:LOCAL", portable=True) == 0
    assert "warning: bot: a: its start cannot be pickled" in capsys.readouterr().out
    assert check("ofo_bot:LOCAL", portable=True, strict=True) == 1


def test_a_wrong_spec_is_printed_as_it_is_with_the_line_that_made_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("ofo_bot:make_wrong") == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    first, where = printed.err.splitlines()
    assert (
        first == "oneforone check: SupervisorSpec('bot').children is 'a'; expected ids that differ; this one stands there twice"
    )
    assert re.fullmatch(r"  .*/ofo_bot\.py:\d+: def make_wrong\(\): .*", where)


def test_a_wrong_spec_at_the_top_of_a_module_is_no_import_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module(folder, "ofo_wrong", 'from supervisor import *\nTREE = SupervisorSpec("", [])\n')
    assert check("ofo_wrong:TREE") == 1
    assert "SupervisorSpec.id is ''" in capsys.readouterr().err


USAGE = {
    "ofo_nowhere:TREE": "there is no module 'ofo_nowhere' here",
    "ofo_bot.deeper:TREE": "there is no module 'ofo_bot.deeper' here",
    "ofo_bot": "does not say which spec; expected MODULE:SPEC; ofo_bot has ofo_bot:GOOD",
    "ofo_bot:": "does not say which spec",
    "ofo_bot:TREE": "ofo_bot has no 'TREE'; ofo_bot has ofo_bot:GOOD",
    "ofo_bot:GOOD.nothing": "has no 'GOOD.nothing'",
    "ofo_bot:NUMBER": "ofo_bot:NUMBER is 7, a int; expected a SupervisorSpec",
    "ofo_bot:make_of": "cannot be called without arguments",
    "ofo_bot:make_later": "is an async function",
    "ofo_bot:make_nothing": "is None, a NoneType",
    "ofo_bot:make_trouble": "make_trouble() failed: RuntimeError: no [bold]luck[/bold]",
    "ofo_bot:leave": "leave() failed: SystemExit: 3",
    "ofo_bot.py:GOOD": "is a file; expected a module's name, such as ofo_bot:GOOD",
    "./some/bot.py:GOOD": "such as some.bot:GOOD",
    "": "names no module",
    ":GOOD": "names no module",
    "..:GOOD": "names no module",
    "ofo bot:GOOD": "names no module",
}


@pytest.mark.parametrize("target", USAGE)
def test_what_is_no_spec_is_said_in_words(folder: Path, capsys: pytest.CaptureFixture[str], target: str) -> None:
    assert check(target) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("oneforone check: ")
    assert USAGE[target] in printed.err
    assert "Traceback" not in printed.err


BROKEN_MODULES = {
    "import ofo_missing_library\n": ("ModuleNotFoundError: No module named 'ofo_missing_library'", 1),
    "x = 1\nraise RuntimeError('first line\\nsecond')\n": ("", 2),
    "x = 1\n\ndef f(:\n": ("SyntaxError", 3),
    "import sys\nsys.exit(4)\n": ("SystemExit: 4", 2),
    "from supervisor import *\nSupervisorSpec('a', [], restarts=3)\n": ("TypeError", 2),
    "from supervisor import Nothing\n": ("ImportError", 1),
}


@pytest.mark.parametrize("text", BROKEN_MODULES, ids=range(len(BROKEN_MODULES)))
def test_a_module_that_fails_says_how_and_where(folder: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    module(folder, "ofo_broken", text)
    assert check("ofo_broken:TREE") == 2
    printed = capsys.readouterr().err
    words, line = BROKEN_MODULES[text]
    assert "ofo_broken cannot be imported: " in printed
    assert words in printed
    assert f"ofo_broken.py:{line}: {text.splitlines()[line - 1]}" in printed
    assert "Traceback" not in printed


def test_a_child_alone_is_no_tree(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("ofo_bot:CHILD") == 1
    assert "only a supervisor can be the root of a tree" in capsys.readouterr().err


def test_nothing_of_the_tree_is_started(folder: Path) -> None:
    module(
        folder,
        "ofo_eager",
        """
        from supervisor import *
        def start(): raise AssertionError("it was started")
        TREE = SupervisorSpec("t", [ActorSpec("a", start), TaskSpec("b", start)])
        """,
    )
    assert check("ofo_eager:TREE", portable=True) == 0


def test_what_a_spec_is_called_cannot_move_the_cursor(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check("ofo_bot:HOSTILE") == 0
    assert "  \\x1b[2Jgone\\nover · task" in capsys.readouterr().out


def test_a_tree_500_deep_is_drawn(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module(
        folder,
        "ofo_deep",
        """
        from supervisor import *
        TREE = SupervisorSpec("s", [])
        for _ in range(500):
            TREE = SupervisorSpec("s", [TREE])
        """,
    )
    assert check("ofo_deep:TREE") == 0
    assert len(capsys.readouterr().out.splitlines()) == 502


def exit_code(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    """What the process would exit with."""
    monkeypatch.setattr(sys, "argv", ["oneforone", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code


@pytest.mark.parametrize(("target", "code"), [("ofo_bot:GOOD", 0), ("ofo_bot:WRONG", 1), ("ofo_bot:TREE", 2)])
def test_the_command_exits_with_the_code(folder: Path, monkeypatch: pytest.MonkeyPatch, target: str, code: int) -> None:
    assert exit_code(monkeypatch, "check", target) == code


@pytest.mark.parametrize(
    "arguments",
    [
        ("check",),
        ("check", "a:b", "c"),
        ("check", "a:b", "--loud"),
        ("tree",),
        ("tree", "x", "--watch", "0"),
        ("tree", "x", "--watch", "nan"),
        ("doctor", "x"),
    ],
    ids=" ".join,
)
def test_a_wrong_option_exits_with_2(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    assert exit_code(monkeypatch, *arguments) == 2


@pytest.mark.real_time
@pytest.mark.slow
def test_the_process_exits_with_the_code_and_prints_plain_text_where_there_is_no_terminal(folder: Path) -> None:
    done = oneforone("check", "ofo_bot:WRONG", cwd=folder)
    assert done.returncode == 1
    assert done.stderr == ""
    assert "\x1b" not in done.stdout


@pytest.mark.real_time
@pytest.mark.slow
def test_output_that_nobody_reads_is_no_traceback(folder: Path) -> None:
    module(
        folder,
        "ofo_long",
        "from supervisor import *\nTREE = SupervisorSpec('t', [SupervisorSpec(str(n), []) for n in range(9999)])\n",
    )
    command = [sys.executable, "-m", "actors.cli", "check", "ofo_long:TREE"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder, env=environment
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        errors = running.stderr.read()
    assert (running.returncode, errors) == (141, "")


@pytest.mark.real_time
@pytest.mark.slow
def test_a_terminal_that_knows_only_ascii_gets_escapes(folder: Path) -> None:
    done = oneforone("check", "ofo_bot:GOOD", cwd=folder, PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "bot \\xb7 supervisor" in done.stdout


def test_a_terminal_gets_a_drawing(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert check("ofo_bot:WARNED") == 0
    printed = capsys.readouterr().out
    assert "├── " in printed
    assert "\x1b[1m" in printed
    assert check("ofo_bot:GOOD") == 0
    assert "account [red]" in re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)


def test_ending_turns_an_interrupt_into_130() -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    assert ending(interrupted) == 130
    assert ending(lambda: 7) == 7
