"""OKX's adapter keeps the contract: in the form of today, written by hand, and in that of 2022, captured, with checksums."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from actors.exchanges.okx import Okx
from actors.testing import Conversation, Heard, Meaning, Recording, Rule, contract_rules, exchange_contract, load_recording

BY_HAND = load_recording(Path(__file__).parent / "recordings" / "okx.txt")
FEEDS = {"trades": "trades:okx:BTC/USDT", "books": "book:okx:BTC/USDT", "tickers": "ticker:okx:BTC/USDT"}


@pytest.mark.parametrize("rule", contract_rules(), ids=str)
def test_okx_keeps_the_rule(rule: Rule) -> None:
    rule.check(Okx.production(), BY_HAND)


def captured(file: Path) -> Conversation:
    """What was said of BTC/USDT. Its subscriptions were asked for several times; the answers to the first count."""
    steps: dict[bytes, Heard] = {}
    for line in file.read_bytes().splitlines():
        if not line[:1].isdigit():
            continue
        payload = line.split(b": ", 1)[1]
        frame = msgspec.json.decode(payload)
        if frame["arg"]["instId"] != "BTC-USDT":
            continue
        subscription = FEEDS[frame["arg"]["channel"]]
        data = Heard(payload=payload, meaning=Meaning.DELIVERY, subscription=subscription)
        steps.setdefault(payload, Heard(payload=payload, meaning=Meaning.ACK) if "event" in frame else data)
    return Conversation(wanted=tuple(FEEDS.values()), steps=tuple(steps.values()))


def test_okx_keeps_the_contract_on_recorded_traffic_too(recorded: Path) -> None:
    conversation = captured(recorded / "okx" / "OKX.ws.1.0")
    traffic = Recording(instruments={"BTC/USDT": "BTC-USDT"}, conversations=(conversation,))

    assert sum(b'"checksum"' in heard.payload for heard in conversation.heard) > 50
    exchange_contract(Okx.production(), BY_HAND.also(traffic)).check()
