"""What a simulator is told to be, and what it says once it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import fields, force_setattr

from actors.errors import ActorsError
from actors.simulator.symbols import parse_symbol

__all__ = ["MAX_ENDPOINTS", "SimulatorConfig", "SimulatorError", "Started", "WrongConfig"]

MAX_ENDPOINTS = 16

_OF_OKX: Mapping[str, float] = {
    # Requests to subscribe and the like, per hour. Here pings count, too.
    "message_limit": 480,
    "message_window": 3600.0,
    "attempt_limit": 3,
    "attempt_window": 1.0,
    # It does not ping, and gives up who is silent; it names no age.
    "ping_interval": 1e9,
    "max_age": 1e9,
    "silence_limit": 30.0,
}
"""What takes the place of Binance's limits, where those are left as they are."""


class SimulatorError(ActorsError):
    """The simulator cannot start; the message is one plain sentence."""


class WrongConfig(SimulatorError, ValueError):
    """A setting is wrong.

    Args:
        setting: its name.
        value: what was given.
        expected: what would have been right.
    """

    def __init__(self, setting: str, value: object, expected: str) -> None:
        super().__init__(f"{setting} is {value!r}, expected {expected}")
        self.setting = setting
        self.value = value
        self.expected = expected


class SimulatorConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything about a simulator. It can be sent to another process as JSON.

    Raises:
        WrongConfig: naming the setting, its value and what was expected.
    """

    dialect: Literal["binance", "okx"] = "binance"
    """Whose protocol is spoken. Limits that are left at Binance's become OKX's with `okx`; a recording is Binance's only."""
    checksums: bool = False
    """OKX: whether books carry real checksums, as until June 2026, instead of 0."""
    symbols: tuple[str, ...] = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
    """Symbols of the synthetic market, `BTC/USDT` or `BTCUSDT`. A recording brings its own."""
    seed: int = 0
    """The same seed gives the same market and the same choices of victims."""
    speed: float | None = 1.0
    """Market seconds per second; None: as fast as the slowest client takes it, from its first subscription on."""
    replay: str | None = None
    """A recording to play instead of the synthetic market."""
    replay_http: str | None = None
    """The recorded REST answers beside it; None: looked for beside `replay`."""
    epoch_ms: int | None = None
    """Exchange time at which the synthetic market starts, milliseconds since 1970; None: the wall clock."""
    host: str = "127.0.0.1"
    endpoints: int = 2
    """How many ports serve the one market."""
    ports: tuple[int, ...] = ()
    """One per endpoint; empty: any free ones."""
    control_port: int = 0
    """Port for injecting faults, always on 127.0.0.1; 0: any free one."""
    ping_interval: float = 20.0
    """Seconds between the pings of the server."""
    pong_timeout: float = 60.0
    """Seconds after which a connection that did not answer a ping is dropped."""
    max_age: float = 86_400.0
    """Seconds that a connection may live."""
    silence_limit: float = 1e9
    """Seconds after which a connection over which nothing is sent is closed."""
    message_limit: int = 5
    """Frames a client may send within `message_window` on a connection, pings and pongs included."""
    message_window: float = 1.0
    """Seconds."""
    stream_limit: int = 1024
    """Streams per connection."""
    weight_limit: int = 6000
    """REST weight per minute."""
    attempt_limit: int = 300
    """Stream connections that an address may open within `attempt_window`."""
    attempt_window: float = 300.0
    """Seconds."""
    ban_after: int | None = None
    """After so many answers 429 that were ignored in a row, the next one is a ban; None: never."""
    ban_seconds: float = 120.0
    """How long such a ban lasts."""
    outgoing_limit: int = 8 * 2**20
    """Bytes that may wait for one client before it is dropped as too slow."""
    compression: bool = False
    """Whether permessage-deflate is agreed to where a client offers it."""

    def __post_init__(self) -> None:
        if self.dialect == "okx":
            self._take_over_limits()
        if not 1 <= self.endpoints <= MAX_ENDPOINTS:
            raise WrongConfig("endpoints", self.endpoints, f"1 to {MAX_ENDPOINTS}")
        if self.ports and len(self.ports) != self.endpoints:
            raise WrongConfig("ports", self.ports, f"one per endpoint, {self.endpoints} in all, or none")
        for port in (*self.ports, self.control_port):
            if not 0 <= port <= 65_535:
                raise WrongConfig("port", port, "0 to 65535")
        if self.speed is not None and not 0 < self.speed <= 10_000:
            raise WrongConfig("speed", self.speed, "a number above 0 and up to 10000, or max")
        if self.ban_after is not None and self.ban_after < 1:
            raise WrongConfig("ban_after", self.ban_after, "1 or more, or None")
        self._check_positive()
        self._check_symbols()

    def _take_over_limits(self) -> None:
        if self.replay is not None:
            raise WrongConfig("replay", self.replay, "none with dialect okx: a recording is Binance's")
        defaults = {one.name: one.default for one in fields(SimulatorConfig)}
        for name, value in _OF_OKX.items():
            if getattr(self, name) == defaults[name]:
                force_setattr(self, name, value)

    def _check_positive(self) -> None:
        windows = ("message_window", "attempt_window")
        for name in ("ping_interval", "pong_timeout", "max_age", "silence_limit", "ban_seconds", *windows):
            if not 0 < getattr(self, name) < float("inf"):
                raise WrongConfig(name, getattr(self, name), "seconds above 0")
        for name in ("message_limit", "stream_limit", "weight_limit", "attempt_limit", "outgoing_limit"):
            if getattr(self, name) < 1:
                raise WrongConfig(name, getattr(self, name), "1 or more")

    def _check_symbols(self) -> None:
        if not self.symbols:
            raise WrongConfig("symbols", self.symbols, "at least one, for example BTC/USDT")
        natives = []
        for text in self.symbols:
            symbol = parse_symbol(text)
            if symbol is None:
                raise WrongConfig("symbol", text, "BASE/QUOTE in capitals, for example BTC/USDT")
            natives.append(symbol.native)
        if len(set(natives)) != len(natives):
            raise WrongConfig("symbols", self.symbols, "each symbol once")


class Started(Struct, frozen=True, kw_only=True, tag="started"):
    """Where a running simulator is reached. Every endpoint speaks both protocols on its one port."""

    stream_urls: tuple[str, ...]
    """`ws://127.0.0.1:40001`, one per endpoint."""
    rest_urls: tuple[str, ...]
    """`http://127.0.0.1:40001`, in the same order."""
    control_url: str
    symbols: tuple[str, ...]
    """Canonical: `BTC/USDT`."""
