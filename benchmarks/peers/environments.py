"""Who is measured, and the environment that each is measured in."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from attrs import frozen

__all__ = ["PEERS", "ROOT", "NotHere", "Peer", "python_of"]

ROOT = Path(__file__).parent.parent.parent
ENVIRONMENTS = ROOT / ".venv-peers"
INSTALLING = 300.0
"""Seconds for one environment."""


class NotHere(Exception):
    """A peer cannot be measured on this machine; the message says why."""


@frozen
class Peer:
    """One of them."""

    name: str
    script: str
    """What `python -m` runs, with the name of a case."""
    requirements: str = ""
    """Which file beside this one is installed for it, and the name of its environment; empty: the project's own."""
    tool: str = ""
    """A program that has to be in PATH."""


PEERS = tuple(
    Peer(name, f"benchmarks.peers.on_{name.replace('-', '_')}", requirements, tool)
    for name, requirements, tool in (
        ("pykka", "pykka", ""),
        ("triotp", "triotp", ""),
        ("mode", "mode", ""),
        ("xoscar", "xoscar", ""),
        ("thespian", "thespian", ""),
        ("thespian-processes", "thespian", ""),
        ("erlang", "", "erl"),
    )
)


def python_of(peer: Peer, environments: Path = ENVIRONMENTS, requirements: Path = Path(__file__).parent) -> str:
    """The interpreter that runs its script; its environment is built where it is not yet, or not this one.

    Raises:
        NotHere: it cannot be installed, or its program is not here.
    """
    if peer.tool and shutil.which(peer.tool) is None:
        raise NotHere(f"{peer.tool} is not in PATH; benchmarks/README.md says how to install it")
    if not peer.requirements:
        return sys.executable
    wanted, folder = requirements / f"{peer.requirements}.txt", environments / peer.requirements
    python, stamp = folder / "bin" / "python", folder / "installed.txt"
    if not (stamp.is_file() and stamp.read_bytes() == wanted.read_bytes() and python.exists()):
        _run("venv", "-m", "venv", "--clear", str(folder))
        _run("pip", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(wanted), python=str(python))
        stamp.write_bytes(wanted.read_bytes())
    return str(python)


def _run(what: str, *arguments: str, python: str = sys.executable) -> None:
    try:
        subprocess.run([python, *arguments], check=True, capture_output=True, text=True, timeout=INSTALLING)
    except subprocess.CalledProcessError as error:
        lines = [line for line in error.stderr.strip().splitlines() if line.startswith("ERROR")] or [error.stderr[-200:]]
        raise NotHere(f"it cannot be installed, {what} says: {lines[-1]}") from None
    except subprocess.TimeoutExpired:
        raise NotHere(f"it cannot be installed, {what} took more than {INSTALLING:g} s") from None
