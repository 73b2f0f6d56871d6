"""What the words of a message mean where nothing else is known: neither exchange, code, status nor type."""

from __future__ import annotations

import re

from actors.errors.kinds import Severity
from actors.errors.rules import Rule

__all__ = ["rules"]

_NOTHING_WAS_DONE = (
    ("banned", "rate_limit", "wait", r"banned until|ip.{0,20}banned"),
    (
        "too many requests",
        "rate_limit",
        "wait",
        r"rate.?limit|too many (?:requests|visits|orders|messages)|too frequent|throttl|error code: 1015",
    ),
    (
        "insufficient balance",
        "order",
        "fix",
        r"insufficient (?:account )?(?:balance|funds?|margin)|not enough (?:balance|funds|margin)|balance insufficient",
    ),
    ("duplicate order", "order", "reconcile", r"duplicate.{0,20}(?:order|client)|(?:order|client).{0,20}duplicate"),
    ("order not known", "order", "reconcile", r"unknown order|order (?:not found|does not exist|not exist)"),
    ("post-only", "order", "fix", r"post.?only|immediately match"),
    ("too small", "order", "fix", r"min(?:imum)?.?(?:notional|order|size|amount)|lot.?size|filter failure"),
    ("market is closed", "order", "wait", r"market is closed|trading (?:is )?(?:halted|suspended)|cancel.?only"),
    ("clock", "system", "resync", r"recv.?window|timestamp.{0,30}(?:expired|ahead|outside)|invalid nonce"),
    ("certificate", "security", "never", r"certificate.?verify.?failed"),
    (
        "key",
        "authentication",
        "never",
        r"invalid (?:api.?key|signature|token)|signature.{0,20}not valid|permission denied|unauthori[sz]ed|authentication fail",
    ),
    ("by country", "exchange", "never", r"restricted location|from your country"),
    (
        "not connected",
        "network",
        "retry",
        r"connection refused|name or service not known|no route to host|network is unreachable",
    ),
    ("maintenance", "exchange", "retry", r"maintenance|system is busy|systems are busy|currently overloaded|server is busy"),
)


def rules() -> tuple[Rule, ...]:
    """In the order of precedence, where two are equally specific."""
    return (
        Rule(
            "outcome unknown",
            "unknown_outcome",
            "reconcile",
            # The last is what pybit says, with a status of its own, when its retries are used up.
            text=re.compile(r"execution status unknown|status unknown|outcome unknown|retries exceeded maximum"),
        ),
        Rule(
            "words: connection lost",
            "unknown_outcome",
            "reconcile",
            text=re.compile(
                r"connection (?:reset|aborted|lost|closed)|timed? ?out|timeout|server disconnected|bad gateway|broken pipe"
                r"|internal (?:server )?error"
            ),
        ),
        *(
            Rule(f"words: {name}", category, action, Severity.CRITICAL if name == "banned" else None, text=re.compile(pattern))
            for name, category, action, pattern in _NOTHING_WAS_DONE
        ),
    )
