from __future__ import annotations

from typing import Any

import msgspec
import pytest

from supervisor.snapshot import ChildSnapshot, TreeSnapshot


def child(path: str, *children: ChildSnapshot, **more: Any) -> ChildSnapshot:
    fields: dict[str, Any] = {
        "id": path.rpartition("/")[2],
        "path": path,
        "kind": "supervisor" if children else "actor",
        "phase": "running",
        "incarnation": 1,
        "restart": "permanent",
        "uptime": 5.0,
        "failures": 0,
        "restarts_in_window": 0,
        "restarts_allowed": 5,
        "backoff_left": None,
        "last_exit": None,
        "mailbox": None if children else 0,
        "dropped": 0,
        "children": children,
    }
    return ChildSnapshot(**fields | more)


TREE = TreeSnapshot(
    tree_id="t1",
    at=100.0,
    root=child(
        "bank",
        child("bank/till", mailbox=3, dropped=2),
        child(
            "bank/back",
            child("bank/back/vault", phase="restarting", restarts_in_window=2, backoff_left=1.25, last_exit="ValueError: boom"),
            child("bank/back/idle", phase="stopped", incarnation=0, uptime=None),
        ),
        child("bank/audit", phase="gave up", incarnation=7),
    ),
)


def test_text_has_a_line_per_child_in_start_order() -> None:
    assert TREE.to_text().splitlines() == [
        "bank · running · life 1",
        "  till · running · life 1 · 3 queued · 2 dropped",
        "  back · running · life 1",
        "    vault · restarting · life 1 · 2/5 restarts · next in 1.2 s · last: ValueError: boom",
        "    idle · stopped",
        "  audit · gave up · life 7",
    ]
    assert str(TREE) == TREE.to_text()


def test_an_exit_of_many_lines_stays_on_its_line() -> None:
    tree = TreeSnapshot(tree_id="t", at=0.0, root=child("a", last_exit="ValueError: one\n  two\n"))
    assert tree.to_text() == "a · running · life 1 · last: ValueError: one two"


def test_json_holds_everything() -> None:
    assert msgspec.json.decode(TREE.to_json(), type=TreeSnapshot) == TREE


def test_dot_has_a_node_per_child_and_an_edge_to_each_from_its_parent() -> None:
    dot = TREE.to_dot()
    assert dot.startswith("digraph tree {")
    assert dot.endswith("}")
    assert '  "bank/till" [label="till\\nrunning · life 1", style=filled, fillcolor=palegreen];' in dot
    assert '"bank/audit" [label="audit\\ngave up · life 7", style=filled, fillcolor=salmon];' in dot
    assert dot.count("->") == 5
    assert '  "bank/back" -> "bank/back/vault";' in dot


def test_dot_survives_every_id() -> None:
    dot = TreeSnapshot(tree_id="t", at=0.0, root=child('a"b\\c\nd')).to_dot()
    assert '  "a\\"b\\\\c\\nd" [label="a\\"b\\\\c\\nd\\nrunning' in dot


def test_a_child_is_found_by_its_path() -> None:
    found = TREE.find("bank/back/vault")
    assert found is not None
    assert found.phase == "restarting"
    assert TREE.find("bank/vault") is None


@pytest.mark.item(76)
def test_a_tree_of_any_depth_is_flattened_without_recursion() -> None:
    deep = child("0")
    for number in range(1, 3000):
        deep = child(str(number), deep)
    flat = TreeSnapshot(tree_id="t", at=0.0, root=deep).flat()
    assert [depth for depth, _ in flat] == list(range(3000))


def test_a_tree_two_thousand_deep_is_json() -> None:
    child = ChildSnapshot(
        id="leaf",
        path="leaf",
        kind="actor",
        phase="running",
        incarnation=1,
        restart="permanent",
        uptime=1.0,
        failures=0,
        restarts_in_window=0,
        restarts_allowed=5,
        backoff_left=None,
        last_exit=None,
        mailbox=0,
        dropped=0,
    )
    for number in range(2_000):
        child = msgspec.structs.replace(child, id=str(number), path=str(number), children=(child,))
    assert TreeSnapshot(tree_id="t", at=0.0, root=child).to_json().count(b'"id"') == 2_001
