"""Connections to exchanges: the real ones, and fakes in memory that keep the same contract."""

from actors.transport.channel import WebSocketChannel as WebSocketChannel
from actors.transport.memory import (
    Dial as Dial,
)
from actors.transport.memory import (
    MemoryRest as MemoryRest,
)
from actors.transport.memory import (
    MemoryTransport as MemoryTransport,
)
from actors.transport.memory import (
    RestCall as RestCall,
)
from actors.transport.memory_channel import MemoryChannel as MemoryChannel
from actors.transport.memory_channel import MemoryServer as MemoryServer
from actors.transport.rest import HttpRest as HttpRest
from actors.transport.websocket import WebSocketTransport as WebSocketTransport

__all__ = [
    "Dial",
    "HttpRest",
    "MemoryChannel",
    "MemoryRest",
    "MemoryServer",
    "MemoryTransport",
    "RestCall",
    "WebSocketChannel",
    "WebSocketTransport",
]

for _name in __all__:
    globals()[_name].__module__ = __name__
