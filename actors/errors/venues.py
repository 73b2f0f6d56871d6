"""What the codes of OKX, Kraken, Coinbase and Bybit mean, and those of Binance that are not in binance.toml (futures).

Sources: okx.com/docs-v5 (error codes), docs.kraken.com (spot error messages), docs.cdp.coinbase.com (Advanced Trade), and
bybit-exchange.github.io/docs/v5/error. A line is: category, action, codes; `51100-51139` is all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from actors.errors.kinds import Action, Category, Severity
from actors.errors.rules import Rule

__all__ = ["rules"]

_OKX = """
exchange retry: 50001 50005 50013 60016 63999
unknown_outcome reconcile: 2 50004 50026 51149 64007
authentication never: 50007-50009 50012 50100 50101 50103-50111 50113 50114 50119-50121 51009 51024 51155 59506 59508
authentication never: 50027 50028 58001 58004 58101 60001-60003 60005 60007 60009 60024 60032 64003
authentication resync: 60011
rate_limit wait: 50011 50040 50061 51113 58102 60014 60023
validation fix: 50000 50002 50006 50010 50014-50025 50115 51000-51003 51012 51014 51015 51026 60012 60013 60017-60019
system resync: 50102 50112 60004 60006
configuration never: 51010 59000-59002 59100-59102
order fix: 51004-51008 51017-51020 51023 51025 51031 51100-51109 51111 51112 51115-51122 51125-51148 51150-51154
order fix: 51201-51205 51250-51280 51407 51500-51502 51511 54000-54011 58350 59200
order wait: 51021 51022 51028-51030 51110 51124 51404 51508
order never: 51027
order reconcile: 51011 51016 51400-51402 51405 51408 51410 51503 51509 51510 51600 51603
network retry: 60015 64008
"""

_BYBIT = """
unknown_outcome reconcile: 10000 10016 170001 170007 170032 170146 170147 170234 3400214 131003 131200 131201
exchange retry: 10019
validation fix: 10001 10017 10404 12201 110013 110018 110019 110031 110049 110050 170115-170121 170130 170202 170221
system resync: 10002
authentication never: 10003-10005 10007 10008 10010 10020 10024 10027-10029 33004 100028 110065 110067-110069 131004 170201
rate_limit wait: 10006 10009 10018 10403 10429 20003 170005 170222
order reconcile: 10014 20006 12141 110001 110008 110010 110030 110072 140001 140008 140010 170139 170141-170143 170213
order fix: 12137 110003-110007 110009 110011 110012 110014 110016 110017 110020-110023 110032 110040 110042 110044
order fix: 110045 110051-110053 110064 110092-110094 131001 131212 140003-140007 170124 170131-170137 170140 170148
order fix: 170193-170199 170210 170217 170218
order wait: 110063 110066 110079
validation never: 110025-110027 110043 140025 140043
"""

_KRAKEN = """
rate_limit wait: EAPI:Rate limit exceeded|EOrder:Rate limit exceeded|EOrder:Domain rate limit exceeded
rate_limit wait: EGeneral:Temporary lockout|EGeneral:Too many requests|EAuth:Too many requests|EAuth:Rate limit exceeded
rate_limit wait: Exceeded msg rate|EAPI:Rate limit
authentication never: EAPI|EAuth|EAccount|EGeneral:Permission denied|EOrder:Trading agreement required
authentication never: EOrder:Cannot open position|EOrder:Cannot open opposing position|ETrade:Locked
authentication never: EGeneral:Invalid permissions
authentication resync: ESession
system resync: EAPI:Invalid nonce
exchange never: EAPI:Feature disabled
validation fix: EFunding|EGeneral|EQuery|ETrade|EGeneral:Invalid arguments|EGeneral:Unknown method|EAPI:Bad request
unknown_outcome reconcile: EGeneral:Internal error|EService:Timeout|EService:Internal error|EDatabase
unknown_outcome reconcile: EGeneral:Unexpected error|EService:Unavailable|EService
exchange retry: EService:Busy|EService:Deadline elapsed|EGeneral:Unavailable
order wait: EService:Market in cancel_only mode|EService:Market in post_only mode|EService:Market in limit_only mode
order wait: EOrder:Market is closed
order fix: EOrder|EFunding:Insufficient funds
order reconcile: EOrder:Unknown order|EQuery:Unknown order|EOrder:Order not editable
"""

_COINBASE = """
authentication never: UNAUTHENTICATED PERMISSION_DENIED INELIGIBLE_PAIR UNTRADABLE_FCM_ACCOUNT_STATUS GEOFENCING_RESTRICTION
authentication never: unauthorized invalid_token expired_token revoked_token invalid_scope two_factor_required Unauthorized
validation fix: INVALID_ARGUMENT NOT_FOUND INVALID_PRODUCT_ID INVALID_SIDE UNSUPPORTED_ORDER_CONFIGURATION INVALID_REQUEST
validation fix: MALFORMED_ORDER_CONFIGURATION OUT_OF_RANGE FAILED_PRECONDITION UNIMPLEMENTED not_found validation_error
validation fix: invalid_request param_required
unknown_outcome reconcile: INTERNAL DEADLINE_EXCEEDED UNKNOWN ABORTED CANCELLED UNKNOWN_FAILURE_REASON internal_server_error
unknown_outcome reconcile: RISK_PROXY_FAILURE COMMANDER_REJECTED_NEW_ORDER UNAVAILABLE
rate_limit wait: RESOURCE_EXHAUSTED rate_limit_exceeded
order fix: INSUFFICIENT_FUND INSUFFICIENT_FUNDS INVALID_LIMIT_PRICE_POST_ONLY INVALID_LIMIT_PRICE INVALID_NO_LIQUIDITY
order fix: INVALID_SIZE_PRECISION INVALID_PRICE_PRECISION INVALID_QUOTE_SIZE_PRECISION INVALID_BASE_SIZE_TOO_LARGE
order fix: INVALID_BASE_SIZE_TOO_SMALL INVALID_QUOTE_SIZE_TOO_LARGE INVALID_QUOTE_SIZE_TOO_SMALL INVALID_LEDGER_BALANCE
order fix: INSUFFICIENT_LEDGER_BALANCE INVALID_STOP_PRICE INVALID_PRICE_TOO_LARGE BREACHED_PRICE_LIMIT
order fix: INSUFFICIENT_FUNDS_FOR_FUTURES BREACHED_ACCOUNT_POSITION_LIMIT BREACHED_COMPANY_POSITION_LIMIT
order fix: INVALID_MARGIN_HEALTH INVALID_ORDER_CONFIG
order wait: ORDER_ENTRY_DISABLED NOT_ALLOWED_BY_MARKET_STATE UNTRADABLE_PRODUCT INVALID_FCM_TRADING_SESSION
order reconcile: UNKNOWN_CANCEL_ORDER DUPLICATE_CANCEL_REQUEST COMMANDER_REJECTED_CANCEL_ORDER CANNOT_EDIT_ORDER
order reconcile: DUPLICATE_CLIENT_ORDER_ID INVALID_CANCEL_REQUEST
"""

_BINANCE = """
order fix: -2018 -2019 -2020 -2024 -2025 -2027 -2028 -4003 -4005 -4013 -4014 -4015 -4023 -4024 -4131 -4164 -5021 -5022 -5025
order fix: -4045 -4047 -4048 -4050 -4051 -4061 -4067 -4068 -4118 -4142 -5026
validation fix: -4028 -4120
order reconcile: -4116
authentication never: -2017 -4087 -4088
validation never: -4046 -4059 -5027
order wait: -4140 -4192 -4400
"""


def _of(venue: str, table: str, separator: str | None = None) -> Iterator[Rule]:
    for line in table.strip().splitlines():
        head, _, codes = line.partition(":")
        category, action = head.split()
        for code in (one.strip() for one in codes.split(separator)):
            for single in _each(code):
                yield Rule(f"{venue} {single}", Category(category), Action(action), venue=venue, code=single)


def _each(code: str) -> Iterator[str]:
    first, dash, last = code.partition("-")
    if first.isdigit() and dash:
        yield from map(str, range(int(first), int(last) + 1))
    else:
        yield code


def rules() -> tuple[Rule, ...]:
    """In the order of precedence, where two are equally specific."""
    return (
        *_of("okx", _OKX),
        *_of("bybit", _BYBIT),
        *_of("kraken", _KRAKEN, "|"),
        *_of("coinbase", _COINBASE),
        *_of("binance", _BINANCE),
        # Binance's 503 comes with three texts: one is an unknown outcome, the others say that nothing was done.
        *(
            Rule(
                "binance 503: not carried out",
                "exchange",
                "retry",
                venue="binance",
                status=503,
                code=code,
                text=re.compile(r"^service unavailable\.?$"),
            )
            for code in (None, 0, -1000)
        ),
        Rule("binance: reduce-only", "order", "fix", venue="binance", code=-2022, text="reduceonly"),
        Rule(
            "coinbase: no key",
            "authentication",
            "never",
            venue="coinbase",
            text=re.compile("invalid api key|authentication failure|invalid signature"),
        ),
        Rule("coinbase: clock", "system", "resync", venue="coinbase", text="timestamp expired"),
        Rule("coinbase: gone", "order", "reconcile", venue="coinbase", text=re.compile("order not found|order already done")),
        Rule(
            "coinbase: size", "order", "fix", venue="coinbase", text=re.compile("size is too|price is too|too small|too large")
        ),
        Rule("kraken: pair", "validation", "fix", venue="kraken", text=re.compile("not supported|not found|invalid")),
        Rule("bybit: signature", "authentication", "never", venue="bybit", text=re.compile("signature|api.?key|auth")),
        Rule("bybit: topic", "validation", "fix", venue="bybit", text=re.compile("handler not found|params error|topic")),
        Rule(
            "bybit: banned",
            "rate_limit",
            "wait",
            Severity.CRITICAL,
            venue="bybit",
            code=10009,
            text="banned",
            retry_after=600.0,
        ),
    )
