"""The guide, run as it stands: each page of `docs/` is one program.

```python          run in order, in one namespace; a block with an `await` runs in virtual time, on each loop
<!--python ...-->  the same, unseen: what a reader need not see
```text            right after a block: what it printed. `Error: message` for a statement marked `# raises Error`
```                a drawing, not run
```sh              not run; but a command `oneforone ...` must be one

Spaces and line breaks of what was printed do not count: a long message is wrapped on the page.
"""

from __future__ import annotations

import ast
import importlib.util
import io
import re
import shlex
import subprocess
import sys
import textwrap
import tokenize
from collections.abc import Callable, Coroutine, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import pytest
import structlog
from attrs import frozen
from cyclopts import CycloptsError

import supervisor
from actors.cli import app
from supervisor.testing.virtual_time import BACKENDS, virtual_backend

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
GENERATED = {"semantics.md", "performance.md"}
PAGES = sorted(path.name for path in DOCS.glob("*.md") if path.name not in GENERATED)
ALTERNATIVES = {"adapters.md", "from_erlang.md", "from_asyncio.md", "operating.md", "reliability.md", "resilience.md"}
"""Read instead of other pages, or by those who use that part alone."""
MOST_WORDS = 6_000
"""Half an hour at 200 words a minute, code and tables included."""
FENCE = re.compile(r"(```|<!--)([a-z]*)$")
RAISES = re.compile(r"# raises (\w+)$")
PREAMBLE = "from anyio import run as _go"
"""For the type checker, which sees the same program on the same lines."""


@frozen
class Block:
    """Code, or what it printed."""

    kind: str
    first: int
    """The line of its fence, from 1."""
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"

    @property
    def waits(self) -> bool:
        tree = compile(self.text, "block", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        return any(isinstance(node, ast.Await | ast.AsyncWith | ast.AsyncFor) for node in _outside_functions(tree))


def _outside_functions(tree: ast.AST) -> Iterator[ast.AST]:
    todo = [tree]
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            todo.extend(ast.iter_child_nodes(node))


def blocks(page: str) -> list[Block]:
    """The blocks of a page, drawings and comments left out."""
    found: list[Block] = []
    kind, first, lines, end = "", 0, [], ""
    for number, line in enumerate((DOCS / page).read_text().splitlines(), 1):
        if end:
            if line == end:
                found.append(Block(kind, first, tuple(lines)))
                end = ""
            else:
                lines.append(line)
        elif (match := FENCE.fullmatch(line)) is not None:
            kind, first, lines = match[2], number, []
            end = "```" if match[1] == "```" else "-->"
            assert kind in ("python", "text", "sh", ""), f"{page}:{number}: nobody knows a block of {kind!r}"
    assert not end, f"{page}:{first}: this block has no end"
    return found


def program(page: str) -> str:
    """The page as one program, each line where it stands on the page."""
    lines = [""] * len((DOCS / page).read_text().splitlines())
    for block in blocks(page):
        if block.kind != "python":
            continue
        code = block.lines
        if block.waits:
            lines[block.first - 1] = f"async def _block_{block.first}() -> None:"
            code = tuple(textwrap.indent(block.text, "    ").splitlines())
            lines[block.first + len(code)] = f"_go(_block_{block.first})"
        lines[block.first : block.first + len(code)] = code
    return "\n".join(lines) + "\n"


class _Raising(ast.NodeTransformer):
    """Has each statement that is marked `# raises Error` print that error, and fail if there is none."""

    def __init__(self, source: str) -> None:
        self.marks: dict[int, str] = {}
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT and (match := RAISES.search(token.string)):
                self.marks[token.start[0]] = match[1]

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)  # the innermost first: it is the one that is meant
        if isinstance(node, ast.stmt):
            end = node.end_lineno or node.lineno
            for line in [line for line in self.marks if node.lineno <= line <= end]:
                return self._expecting(node, self.marks.pop(line))
        return node

    def _expecting(self, node: ast.stmt, error: str) -> ast.AST:
        call = ast.parse(f"_raises({error!r})", mode="eval").body
        block = ast.With(items=[ast.withitem(context_expr=call)], body=[node])
        return ast.fix_missing_locations(ast.copy_location(block, node))


class _Raises:
    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> bool:
        assert kind is not None, f"{self.name} was to be raised, and nothing was"
        if kind.__name__ == self.name:
            print(f"{self.name}: {error}")
        return kind.__name__ == self.name


def run_page(page: str, backend: str) -> list[tuple[Block, str]]:
    """Run a page; what each block of code printed."""
    source = program(page)
    module = ModuleType("page_" + page.removesuffix(".md"))
    module.__dict__["_raises"] = _Raises

    def go(block: Callable[[], Coroutine[Any, Any, None]]) -> None:
        name, options = virtual_backend(backend)
        anyio.run(block, backend=name, backend_options=options)

    module.__dict__["_go"] = go
    sys.modules[module.__name__] = module  # message classes are read by name
    raising = _Raising(source)
    body = raising.visit(ast.parse(source, str(DOCS / page))).body
    assert not raising.marks, f"{page}: no statement for the marks in lines {sorted(raising.marks)}"
    printed: list[tuple[Block, str]] = []
    try:
        for block in blocks(page):
            if block.kind != "python":
                continue
            last = block.first + len(block.lines) + 1
            part = [node for node in body if block.first <= node.lineno <= last]
            with redirect_stdout(io.StringIO()) as out:
                exec(compile(ast.Module(part, []), str(DOCS / page), "exec"), module.__dict__)  # noqa: S102
            printed.append((block, out.getvalue()))
    finally:
        del sys.modules[module.__name__]
    return printed


@pytest.fixture
def unlogged() -> Iterator[None]:
    """What the trees of the pages log would stand among what they print."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    yield
    structlog.reset_defaults()


@pytest.mark.slow
@pytest.mark.real_time
@pytest.mark.usefixtures("unlogged")
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("page", PAGES)
def test_the_page_runs_and_prints_what_it_says(
    page: str, backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a page may write a file
    said = {block.first: block for block in blocks(page) if block.kind == "text"}
    for block, printed in run_page(page, backend):
        follows = block.first + len(block.lines) + 3  # the end of the fence, an empty line, the next fence
        shown = said.pop(follows, Block("text", follows, ()))
        where = f"{page}:{shown.first}"
        printed = printed.replace(f"{tmp_path}/", "")
        assert printed.split() == shown.text.split(), where
    assert not said, f"{page}: nothing printed the text in lines {sorted(said)}"


@pytest.mark.slow
@pytest.mark.real_time
def test_the_test_file_of_the_testing_page_passes_under_pytest_as_it_stands(tmp_path: Path) -> None:
    names = []
    for block in blocks("testing.md"):
        if block.lines and (match := re.fullmatch(r"# (\w+\.py)", block.lines[0])):
            (tmp_path / match[1]).write_text(block.text)
            names.append(match[1])
    assert names, "the page shows no file"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", f"--rootdir={tmp_path}", "."]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
@pytest.mark.real_time
def test_the_code_of_the_guide_is_typed(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    files = []
    for page in PAGES:
        file = tmp_path / f"page_{page.removesuffix('.md')}.py"
        file.write_text(PREAMBLE + "\n" + program(page).partition("\n")[2])
        files.append(str(file))
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", *files]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300, cwd=ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.real_time
def test_the_code_of_the_guide_is_formatted_and_uses_what_it_imports(tmp_path: Path) -> None:
    if importlib.util.find_spec("ruff") is None:
        pytest.skip("ruff is not installed")
    for page in PAGES:
        for block in blocks(page):
            if block.kind == "python":
                (tmp_path / f"{page}_{block.first}.py").write_text(block.text)
    ruff = [sys.executable, "-m", "ruff"]
    for command in (
        [*ruff, "format", "--isolated", "--no-cache", "--diff", "--line-length", "100", "."],
        [*ruff, "check", "--isolated", "--no-cache", "--select", "F401,F811,F841", "."],
    ):
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, cwd=tmp_path)
        assert done.returncode == 0, done.stdout
        for page in PAGES:  # formatted by the block, checked as a whole
            for file in tmp_path.glob(f"{page}_*.py"):
                file.unlink()
            (tmp_path / f"{page}.py").write_text(program(page))


def test_the_guide_is_read_in_half_an_hour() -> None:
    pages = [(DOCS / page).read_text() for page in PAGES if page not in ALTERNATIVES]
    words = sum(len(re.sub(r"<!--.*?-->", "", page, flags=re.DOTALL).split()) for page in pages)
    assert words <= MOST_WORDS


@pytest.mark.parametrize("page", PAGES)
def test_the_page_links_only_to_what_exists(page: str) -> None:
    for link in re.findall(r"\]\(((?!http)[^)]+)\)", (DOCS / page).read_text()):
        path, _, anchor = link.partition("#")
        target = DOCS / page if not path else (DOCS / path).resolve()
        assert target.exists() or target.name in GENERATED, f"{page}: {link}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
            slugs = [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]
            assert anchor in slugs, f"{page}: {link}"


def test_the_index_names_every_page() -> None:
    linked = re.findall(r"\]\((\w+\.md)\)", (DOCS / "README.md").read_text())
    assert sorted({*linked, "README.md"} - GENERATED) == PAGES


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_the_page_exist(page: str) -> None:
    text = (DOCS / page).read_text()
    commands = [line for block in blocks(page) if block.kind == "sh" for line in block.lines]
    for line in [*commands, *re.findall(r"`(oneforone [^`]+)`", text)]:
        words = shlex.split(line.partition("  #")[0])
        if words[0] != "oneforone":
            continue
        assert words[1] in list(app), f"{page}: {line}"
        if f"`{line}`" in text and len(words) == 2:
            continue  # the prose names it
        try:
            app.parse_args(words[1:], print_error=False, exit_on_error=False)
        except CycloptsError as error:
            raise AssertionError(f"{page}: {line}: {error}") from error


OURS = {
    "self": supervisor.Actor,
    "root": supervisor.Supervisor,
    "ref": supervisor.Ref,
    "context": supervisor.Context,
    **{name: getattr(supervisor, name) for name in supervisor.__all__},
}


@pytest.mark.parametrize("page", PAGES)
def test_what_the_page_names_in_its_prose_exists(page: str) -> None:
    for first, second in re.findall(r"`(?:await )?(\w+)\.(\w+)[(`=]", (DOCS / page).read_text()):
        owner = OURS.get(first)
        if owner is not None and not first.isupper():
            fields = getattr(owner, "__annotations__", {})
            assert hasattr(owner, second) or second in fields, f"{page}: {first}.{second}"


def test_a_page_that_says_what_is_not_so_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = "# Page\n\n```python\nprint(1)\n```\n\n```text\n2\n```\n"
    missing = "# Page\n\n```python\nint('1')  # raises ValueError\n```\n"
    other = "# Page\n\n```python\nimport anyio\n\nawait anyio.sleep(1e9)\nint('x')  # raises KeyError\n```\n"
    monkeypatch.setattr("tests.test_docs.DOCS", tmp_path)
    (tmp_path / "page.md").write_text(wrong)
    assert [printed for _, printed in run_page("page.md", "trio")] == ["1\n"]
    for text, error in ((missing, AssertionError), (other, ValueError)):
        (tmp_path / "page.md").write_text(text)
        with pytest.raises(error):
            run_page("page.md", "asyncio")
