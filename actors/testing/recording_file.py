"""Reads a recording from text. The format is described in `recording`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from attrs import define, evolve, field

from actors.errors import RecordingError
from actors.ports import RestResponse
from actors.testing.recording import Answered, Conversation, Fields, Heard, Meaning, Question, Recording

__all__ = ["load_recording", "parse_recording"]

_NO_CONVERSATION = "expected 'wanted trades:venue:BTC/USDT ...' before the first frame"
_HEADER = re.compile(r"([a-z][a-z0-9-]*)=(\S+)\s+")


def load_recording(path: str | Path) -> Recording:
    """Read a file.

    Raises:
        RecordingError: a line that cannot be read; says which, and what was expected.
        OSError: the file cannot be opened.
    """
    return parse_recording(Path(path).read_text(encoding="utf-8"), name=str(path))


def parse_recording(text: str, *, name: str = "recording") -> Recording:
    """Read a text.

    Args:
        text: the lines.
        name: of the file, for errors.

    Raises:
        RecordingError: a line that cannot be read; says which, and what was expected.
    """
    reader = _Reader()
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.strip()
        if not words or words.startswith("#"):
            continue
        try:
            reader.read(words)
        except ValueError as error:
            raise RecordingError(name, number, str(error)) from error
    try:
        return reader.recording()
    except ValueError as error:
        raise RecordingError(name, 0, str(error)) from error


@define
class _Reader:
    """What was read so far."""

    instruments: dict[str, str] = field(factory=dict)
    unknown: list[str] = field(factory=list)
    never: set[str] = field(factory=set)
    secrets: list[str] = field(factory=list)
    batch: int = 10
    conversations: list[Conversation] = field(factory=list)
    answers: list[Answered] = field(factory=list)
    asked: tuple[str, ...] | None = None
    """A question whose answer has not come yet."""
    pending: bytes | Answered | None = None
    """What has been read and not been given a meaning yet."""

    def read(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        rest = rest.strip()
        if self.pending is not None and word != "==":
            raise ValueError(f"expected '== meaning' of the line before, got {line[:40]!r}")
        if self.asked is not None and not word.isdecimal() and word != "==":
            raise ValueError(f"expected '200 body', the answer to 'get', got {line[:40]!r}")
        if word.isdecimal():
            self._answer(int(word), rest)
        elif word in _LINES:
            _LINES[word](self, rest)
        else:
            raise ValueError(f"a line begins with {', '.join(_LINES)} or a status, not with {word!r}")

    def recording(self) -> Recording:
        if self.pending is not None or self.asked is not None:
            raise ValueError("it ends before the meaning of its last line")
        return Recording(
            instruments=self.instruments,
            unknown=tuple(self.unknown),
            batch=self.batch,
            never=frozenset(self.never),
            secrets=tuple(self.secrets),
            conversations=tuple(self.conversations),
            answers=tuple(self.answers),
        )

    # ---- one method per kind of line

    def _instrument(self, rest: str) -> None:
        canonical, _, native = rest.partition(" ")
        if not native:
            raise ValueError("expected 'instrument BTC/USDT BTCUSDT'")
        self.instruments[canonical] = native.strip()

    def _never(self, rest: str) -> None:
        known = {*Meaning, *Question, "checksum"}
        for word in rest.split():
            if word not in known:
                raise ValueError(f"{word!r} is nothing that an exchange could lack, expected one of {', '.join(sorted(known))}")
            self.never.add(word)

    def _wanted(self, rest: str) -> None:
        if not rest:
            raise ValueError("expected 'wanted trades:venue:BTC/USDT ...'")
        self.conversations.append(Conversation(wanted=tuple(rest.split())))

    def _sent(self, rest: str) -> None:
        conversation = self._conversation
        self.conversations[-1] = evolve(conversation, sent=(*conversation.sent, rest))

    def _heard(self, rest: str) -> None:
        if not self.conversations:
            raise ValueError(_NO_CONVERSATION)
        self.pending = rest.encode()

    def _get(self, rest: str) -> None:
        words = tuple(rest.split())
        if not words or words[0] not in set(Question):
            raise ValueError(f"expected 'get' and one of {', '.join(Question)}, got {rest[:40]!r}")
        self.asked = words

    def _answer(self, status: int, rest: str) -> None:
        if self.asked is None:
            raise ValueError("an answer without a question: 'get symbols' stands before it")
        headers = {}
        while (match := _HEADER.match(rest + " ")) is not None:
            headers[match[1]] = match[2]
            rest = (rest + " ")[match.end() :].strip()
        question, *words = self.asked
        self.asked = None
        path = words.pop() if words and words[-1].startswith("/") else ""
        numbers = [int(word) for word in words[1:]]
        self.pending = Answered(
            question=Question(question),
            response=RestResponse(status, rest.encode(), headers),
            subscription=words[0] if words else "",
            after=numbers[0] if numbers else None,
            before=numbers[1] if len(numbers) > 1 else None,
            path=path,
        )

    def _meaning(self, rest: str) -> None:
        pending, self.pending = self.pending, None
        if pending is None:
            raise ValueError("'==' says what the line before means, and there is none")
        if isinstance(pending, bytes):
            self._add(_heard(pending, rest))
            return
        answered = _answered(pending, rest)
        if self.conversations:
            self._add(answered)
        else:
            self.answers.append(answered)

    @property
    def _conversation(self) -> Conversation:
        if not self.conversations:
            raise ValueError(_NO_CONVERSATION)
        return self.conversations[-1]

    def _add(self, step: Heard | Answered) -> None:
        conversation = self._conversation
        self.conversations[-1] = evolve(conversation, steps=(*conversation.steps, step))


def _heard(payload: bytes, meaning: str) -> Heard:
    word, _, rest = meaning.partition(" ")
    if word not in set(Meaning):
        raise ValueError(f"expected '==' and one of {', '.join(Meaning)}, got {word!r}")
    if word == Meaning.DELIVERY:
        subscription, _, events = rest.partition(" ")
        if not subscription:
            raise ValueError("a delivery says whose data it is: '== delivery trades:venue:BTC/USDT id=1'")
        return Heard(payload=payload, meaning=Meaning.DELIVERY, subscription=subscription, events=_events(events))
    return Heard(payload=payload, meaning=Meaning(word), code=rest.strip())


def _answered(answered: Answered, meaning: str) -> Answered:
    if answered.question in (Question.SNAPSHOT, Question.FILL, Question.POLL):
        return evolve(answered, events=_events(meaning))
    if answered.question is Question.ERROR:
        word, _, code = meaning.partition(" ")
        if word != "refused":
            raise ValueError(f"expected '== refused CODE', got {meaning!r}")
        return evolve(answered, means=code.strip())
    return evolve(answered, means=meaning)


def _events(text: str) -> tuple[Fields, ...]:
    return tuple(_fields(part) for part in text.split(" | ")) if text.strip() else ()


def _fields(text: str) -> Fields:
    fields = {}
    for word in text.split():
        name, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"expected 'field=value', got {word!r}")
        fields[name] = value
    return fields


def _set_batch(reader: _Reader, rest: str) -> None:
    reader.batch = int(rest)


_LINES: Mapping[str, Callable[[_Reader, str], None]] = {
    "instrument": _Reader._instrument,
    "unknown": lambda reader, rest: reader.unknown.append(rest),
    "batch": _set_batch,
    "never": _Reader._never,
    "secret": lambda reader, rest: reader.secrets.append(rest),
    "wanted": _Reader._wanted,
    ">>": _Reader._sent,
    "<<": _Reader._heard,
    "get": _Reader._get,
    "==": _Reader._meaning,
}
