"""A recording: what an exchange and its client said to each other, and what it means. Written by hand or taken from a capture.

One line per item, in the order of the traffic; `#` begins a comment. By example:

    instrument BNB/BTC BNBBTC                     ours, and what the exchange calls it
    unknown BNBBTC                                not to be taken for an instrument
    batch 200                                     subscriptions of one feed that go into one frame
    never refusal fill                            not shown here: a meaning or question below, or `checksum`
    secret hunter2                                must not be seen in any repr

    wanted trades:binance:BNB/BTC book:binance:BNB/BTC
                                                  begins a conversation: a fresh session that subscribes to these
    >> {"method":"SUBSCRIBE","params":["bnbbtc@trade","bnbbtc@depth@100ms"],"id":1}
                                                  what the session says, compared as JSON; may be left out
    << {"result":null,"id":1}                     what the exchange says
    == ack                                        what that means
    << {"stream":"bnbbtc@trade","data":{...}}
    == delivery trades:binance:BNB/BTC id=12345 price=0.001 | id=12346
                                                  events are separated by ` | `; only the fields that are named are compared
    << {"code":2,"msg":"Invalid request","id":1}
    == refusal 2                                  with its code; the others: heartbeat, shutdown, nothing, bad

    get snapshot book:binance:BNB/BTC /api/v3/depth
                                                  a question to REST, and the path where it is asked
    200 x-mbx-used-weight-1m=27 {"lastUpdateId":1027024,"bids":[["4.0","431"]],"asks":[["4.1","9"]]}
                                                  status, headers, body
    == last_id=1027024 bids=4.0:431

Questions, and what the answers mean:

    symbols                                       names of some of them
    snapshot SUBSCRIPTION                         fields of the BookSnapshot
    fill SUBSCRIPTION AFTER BEFORE                fields of the events
    poll SUBSCRIPTION [AFTER]                     likewise
    time                                          milliseconds
    error                                         `refused CODE`
    weight                                        the weight that was used, or None

A field is a number, a text, `true`, `false`, `none`, or levels `price:quantity,price:quantity`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum

from attrs import evolve, field, frozen

from actors.ports import RestResponse

__all__ = ["Answered", "Conversation", "Fields", "Heard", "Meaning", "Question", "Recording"]

Fields = Mapping[str, str]
"""Names and values of an event's fields, as they are written in a recording."""


class Meaning(StrEnum):
    """What a frame of the exchange means."""

    DELIVERY = "delivery"
    ACK = "ack"
    REFUSAL = "refusal"
    HEARTBEAT = "heartbeat"
    SHUTDOWN = "shutdown"
    NOTHING = "nothing"
    BAD = "bad"


class Question(StrEnum):
    """What is asked of REST."""

    SYMBOLS = "symbols"
    SNAPSHOT = "snapshot"
    FILL = "fill"
    POLL = "poll"
    TIME = "time"
    ERROR = "error"
    WEIGHT = "weight"


@frozen(kw_only=True)
class Heard:
    """One frame of the exchange."""

    payload: bytes
    meaning: Meaning
    subscription: str = ""
    """Of a delivery: whose data, `trades:binance:BTC/USDT`."""
    events: tuple[Fields, ...] = ()
    """Of a delivery: what the subscriber must see. Empty: not compared."""
    code: str = ""
    """Of a refusal. Empty: not compared."""


@frozen(kw_only=True)
class Answered:
    """One answer of REST."""

    question: Question
    response: RestResponse
    subscription: str = ""
    after: int | None = None
    before: int | None = None
    path: str = ""
    """Where it is asked. Empty: not compared."""
    means: str = ""
    """Symbols, milliseconds, a code or a weight. Empty: not compared."""
    events: tuple[Fields, ...] = ()


@frozen(kw_only=True)
class Conversation:
    """One connection, from its beginning."""

    wanted: tuple[str, ...]
    """Subscriptions, as in topics: `candles@1m:binance:BTC/USDT`."""
    sent: tuple[str, ...] = ()
    """The frames that the session is to send for these. Empty: not compared."""
    steps: tuple[Heard | Answered, ...] = ()

    @property
    def heard(self) -> Iterator[Heard]:
        return (step for step in self.steps if isinstance(step, Heard))


@frozen(kw_only=True)
class Recording:
    """All that a contract is checked with."""

    instruments: Mapping[str, str]
    """{ours: the exchange's}, at least two."""
    unknown: tuple[str, ...] = ()
    batch: int = 10
    never: frozenset[str] = frozenset()
    """Meanings and questions that are not shown: the exchange does not have them."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    conversations: tuple[Conversation, ...] = ()
    answers: tuple[Answered, ...] = ()
    """Those that belong to no conversation."""

    @property
    def heard(self) -> Iterator[Heard]:
        """All frames of the exchange."""
        return (heard for conversation in self.conversations for heard in conversation.heard)

    @property
    def answered(self) -> Iterator[Answered]:
        """All answers of REST."""
        yield from self.answers
        for conversation in self.conversations:
            yield from (step for step in conversation.steps if isinstance(step, Answered))

    def also(self, other: Recording) -> Recording:
        """Both, one after the other: a small one by hand, and a capture."""
        return evolve(
            self,
            instruments={**self.instruments, **other.instruments},
            unknown=self.unknown + other.unknown,
            never=self.never & other.never,
            secrets=self.secrets + other.secrets,
            conversations=self.conversations + other.conversations,
            answers=self.answers + other.answers,
        )
