"""The demo: a bot is hurt on purpose, again and again, and loses nothing."""

from actors.demo.show import DemoConfig as DemoConfig
from actors.demo.show import run_demo as run_demo

__all__ = ["DemoConfig", "run_demo"]
