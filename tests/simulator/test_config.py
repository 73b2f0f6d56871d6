"""Settings are checked when they are made."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors.simulator import SimulatorConfig, SimulatorError, WrongConfig


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"endpoints": 0}, "endpoints is 0, expected 1 to 16"),
        ({"endpoints": 2, "ports": (1,)}, "ports is (1,), expected one per endpoint, 2 in all, or none"),
        ({"endpoints": 1, "ports": (70_000,)}, "port is 70000, expected 0 to 65535"),
        ({"control_port": -1}, "port is -1, expected 0 to 65535"),
        ({"speed": 0.0}, "speed is 0.0, expected a number above 0 and up to 10000, or max"),
        ({"speed": float("nan")}, "speed is nan, expected a number above 0 and up to 10000, or max"),
        ({"ping_interval": 0.0}, "ping_interval is 0.0, expected seconds above 0"),
        ({"message_limit": 0}, "message_limit is 0, expected 1 or more"),
        ({"attempt_limit": 0}, "attempt_limit is 0, expected 1 or more"),
        ({"attempt_window": -1.0}, "attempt_window is -1.0, expected seconds above 0"),
        ({"ban_after": 0}, "ban_after is 0, expected 1 or more, or None"),
        ({"ban_seconds": 0.0}, "ban_seconds is 0.0, expected seconds above 0"),
        ({"symbols": ()}, "symbols is (), expected at least one, for example BTC/USDT"),
        ({"symbols": ("btc",)}, "symbol is 'btc', expected BASE/QUOTE in capitals, for example BTC/USDT"),
        ({"symbols": ("BTC/USDT", "BTCUSDT")}, "symbols is ('BTC/USDT', 'BTCUSDT'), expected each symbol once"),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_expected(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(WrongConfig) as wrong:
        SimulatorConfig(**settings)
    assert str(wrong.value) == said
    assert isinstance(wrong.value, SimulatorError)


def test_a_configuration_survives_the_way_to_another_process() -> None:
    config = SimulatorConfig(symbols=("BTC/USDT",), speed=None, replay="x", ports=(1, 2))

    assert msgspec.json.decode(msgspec.json.encode(config), type=SimulatorConfig) == config
