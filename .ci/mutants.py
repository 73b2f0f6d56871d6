"""Mutation tests of the decision core: `make mutants`. Fails unless the survivors are exactly those that mutants.toml explains.

mutmut changes one thing at a time in the modules that pyproject.toml names ([tool.mutmut]), each in a copy below mutants/, and
runs the tests that reach it. What it changes by itself are operators, constants, arguments, assignments and the arms of a
ternary. Below are the changes that it lacks and that a machine of guards and effects needs: a call or a bare return left out,
a condition that always or never holds, one operand of `and` and `or`, a filter that lets all through.

It does not change functions with a decorator (properties), nor what stands outside functions.

    make mutants                            all of them, from scratch
    make mutants ARGS="supervisor.agenda*"  these only; the record is then checked for these
    .venv/bin/mutmut show NAME              one of them, afterwards
"""

from __future__ import annotations

import fnmatch
import os
import shutil
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import libcst as cst

# Before mutmut and pytest are imported, as both read it: few examples, nothing shrunk. See tests/conftest.py.
os.environ["HYPOTHESIS_PROFILE"] = "mutants"

from mutmut.__main__ import cli
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.mutators import mutation_operators
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files
from mutmut.workers import isolation

RECORD = Path(__file__).with_name("mutants.toml")
CAUGHT = {"killed", "timeout"}

# ------------------------------------------------------------------------------------------------ changes that mutmut lacks


def without_call(node: cst.Expr) -> Iterator[cst.CSTNode]:
    if isinstance(node.value, cst.Call):
        yield cst.Pass()


def without_return(node: cst.Return) -> Iterator[cst.CSTNode]:
    if node.value is None:
        yield cst.Pass()


def always_and_never(node: cst.If) -> Iterator[cst.CSTNode]:
    for word in ("True", "False"):
        yield node.with_changes(test=cst.Name(word), whitespace_before_test=cst.SimpleWhitespace(" "))


def one_operand(node: cst.BooleanOperation) -> Iterator[cst.CSTNode]:
    for operand in (node.left, node.right):
        yield operand.with_changes(lpar=[*node.lpar, *operand.lpar], rpar=[*operand.rpar, *node.rpar])


def without_filter(node: cst.CompIf) -> Iterator[cst.CSTNode]:
    yield node.with_changes(test=cst.Name("True"), whitespace_before_test=cst.SimpleWhitespace(" "))


OURS = [
    (cst.Expr, without_call),
    (cst.Return, without_return),
    (cst.If, always_and_never),
    (cst.BooleanOperation, one_operand),
    (cst.CompIf, without_filter),
]

# ------------------------------------------------------------------------------------------------ the survivors, and the record

Mutant = tuple[str, str, str]
"""Where it is, the lines that it replaces, and by what: neither its number nor a line number, which every edit shifts."""


def described(name: str, path: Path) -> Mutant:
    module, _, mangled = name.removeprefix("supervisor.").partition(".")
    function = mangled.rpartition("__mutmut_")[0].removeprefix("x").removeprefix("_").strip("ǁ").replace("ǁ", ".")
    lines = get_diff_for_mutant(name, path=path).splitlines()[3:]
    was, now = ("\n".join(line[1:].strip() for line in lines if line[0] == sign) for sign in "-+")
    return f"{module}.{function}", was, now


def results(wanted: list[str]) -> Iterator[tuple[str, str, Path]]:
    """Name, status and file of each mutant."""
    for path in walk_mutatable_files():
        data = SourceFileMutationData(path=path)
        data.load()
        for name, code in data.exit_code_by_key.items():
            if not wanted or any(fnmatch.fnmatch(name, one) for one in wanted):
                yield name, status_by_exit_code[code], path


def recorded() -> set[Mutant]:
    entries = tomllib.loads(RECORD.read_text())["survivor"]
    unexplained = [entry for entry in entries if not entry["why"].strip()]
    if unexplained:
        raise SystemExit(f"{RECORD} does not say why: {unexplained}")
    return {(entry["in"], entry["was"], now) for entry in entries for now in entry["now"]}


def entry(mutant: Mutant) -> str:
    quoted = [f"'{text}'" if "\n" not in text and "'" not in text else f"'''{text}'''" for text in mutant]
    return "[[survivor]]\nin = {}\nwas = {}\nnow = [{}]\nwhy = ''\n".format(*quoted)


def main(wanted: list[str]) -> int:
    began = time.monotonic()
    shutil.rmtree("mutants", ignore_errors=True)
    mutation_operators.extend(OURS)
    # Only the limit of a mutant's CPU time: on a busy machine the one on the wall clock would kill what no test kills.
    isolation.register_timeout = lambda pid, timeout_s: None
    cli(["run", *wanted], standalone_mode=False)

    found = list(results(wanted))
    survivors = {described(name, path): name for name, status, path in found if status not in CAUGHT}
    places = {described(name, path)[0] for name, _, path in found} if wanted else None
    explained = {mutant for mutant in recorded() if places is None or mutant[0] in places}
    print()
    for path, count in sorted(Counter(path for _, _, path in found).items()):
        statuses = Counter(status for _, status, where in found if where == path)
        print(f"{path!s:24} {count:5} mutants:", ", ".join(f"{number} {status}" for status, number in statuses.most_common()))
    print(f"{len(found)} mutants in {time.monotonic() - began:.0f} s, {len(survivors)} survive in different words")
    for mutant in survivors.keys() - explained:
        print(f"\nsurvives unexplained ({survivors[mutant]}): write a test that fails for it, or add to {RECORD.name}:\n")
        print(entry(mutant))
    for mutant in explained - survivors.keys():
        print(f"\nexplained in {RECORD.name}, but does not survive: delete it there:\n")
        print(entry(mutant))
    return survivors.keys() != explained


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
