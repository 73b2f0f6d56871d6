"""ccxt's exceptions, by name: its hierarchy is made here, so that ccxt need not be installed.

Source: ccxt's errorHierarchy (ccxt/ccxt, ts/src/base/errorHierarchy.ts, 4.5) and the texts of its issue tracker.
"""

from __future__ import annotations

from typing import Any

from tests.errors.labelled.shape import Shape, foreign, shape

TREE: dict[str, Any] = {
    "BaseError": {
        "ExchangeError": {
            "AuthenticationError": {"PermissionDenied": {"AccountNotEnabled": {}}, "AccountSuspended": {}},
            "ArgumentsRequired": {},
            "BadRequest": {"BadSymbol": {}},
            "OperationRejected": {
                "NoChange": {"MarginModeAlreadySet": {}},
                "MarketClosed": {},
                "ManualInteractionNeeded": {},
                "RestrictedLocation": {},
            },
            "InsufficientFunds": {},
            "InvalidAddress": {"AddressPending": {}},
            "InvalidOrder": {
                "OrderNotFound": {},
                "OrderNotCached": {},
                "OrderImmediatelyFillable": {},
                "OrderNotFillable": {},
                "DuplicateOrderId": {},
                "ContractUnavailable": {},
            },
            "NotSupported": {},
            "InvalidProxySettings": {},
            "ExchangeClosedByUser": {},
        },
        "OperationFailed": {
            "NetworkError": {
                "DDoSProtection": {},
                "RateLimitExceeded": {},
                "ExchangeNotAvailable": {"OnMaintenance": {}},
                "InvalidNonce": {"ChecksumError": {}},
                "RequestTimeout": {},
            },
            "BadResponse": {"NullResponse": {}},
            "CancelPending": {},
        },
        "UnsubscribeError": {},
    }
}


def _made(tree: dict[str, Any], base: type[BaseException], known: dict[str, type[Any]]) -> dict[str, type[Any]]:
    for name, below in tree.items():
        known[name] = foreign("ccxt.base.errors", name, base)
        _made(below, known[name], known)
    return known


CCXT = _made(TREE, Exception, {})


def by_name(verdict: str, name: str, text: str) -> Shape:
    return shape(verdict, f"ccxt.{name}: {text[:70]}", lambda: CCXT[name](text))


SHAPES: list[Shape] = [
    by_name("authentication never", "AuthenticationError", 'binance {"code":-2014,"msg":"API-key format invalid."}'),
    by_name("authentication never", "PermissionDenied", 'kraken {"error":["EGeneral:Permission denied"]}'),
    by_name("authentication never", "AccountSuspended", "okx account is suspended"),
    by_name("validation fix", "ArgumentsRequired", "binance fetchMyTrades() requires a symbol argument"),
    by_name("validation fix", "BadSymbol", "binance does not have market symbol BTC/XYZ"),
    by_name("validation fix", "BadRequest", 'bybit {"retCode":10001,"retMsg":"params error"}'),
    by_name(
        "order fix",
        "InsufficientFunds",
        'binance {"code":-2010,"msg":"Account has insufficient balance for requested action."}',
    ),
    by_name("order fix", "InvalidOrder", 'binance {"code":-1013,"msg":"Filter failure: NOTIONAL"}'),
    by_name(
        "order fix", "InvalidOrder", "kraken amount of BTC/EUR must be greater than minimum amount precision of 0.00000001"
    ),
    by_name("order reconcile", "OrderNotFound", 'binance {"code":-2011,"msg":"Unknown order sent."}'),
    by_name("order fix", "OrderImmediatelyFillable", 'binance {"code":-2010,"msg":"Order would immediately match and take."}'),
    by_name(
        "order reconcile",
        "DuplicateOrderId",
        'okx {"code":"1","data":[{"sCode":"51016","sMsg":"Client order ID already exists."}],"msg":""}',
    ),
    by_name("order fix", "OrderNotFillable", "deribit immediate order could not be filled"),
    by_name("validation fix", "NotSupported", "coinbase fetchFundingRate() is not supported yet"),
    by_name("order wait", "MarketClosed", "okx market is closed"),
    by_name("exchange never", "RestrictedLocation", "bybit access from your country is blocked"),
    by_name("authentication never", "ManualInteractionNeeded", "okx please complete the risk assessment"),
    by_name("validation never", "NoChange", "bybit leverage not modified"),
    by_name("rate_limit wait", "RateLimitExceeded", 'okx {"msg":"Too Many Requests","code":"50011"}'),
    by_name("rate_limit wait", "DDoSProtection", "kraken 429 Too Many Requests POST https://api.kraken.com/0/private/AddOrder"),
    by_name(
        "rate_limit wait",
        "DDoSProtection",
        'binance 418 I\'m a teapot GET https://api.binance.com/api/v3/depth {"code":-1003,"msg":"Way too much '
        'request weight used; IP banned until 1784548800000."}',
    ),
    # ccxt raises it both for a refused connection and for a 502: whether the order got through cannot be told.
    by_name(
        "unknown_outcome reconcile",
        "ExchangeNotAvailable",
        "binance POST https://api.binance.com/api/v3/order 502 Bad Gateway <html>",
    ),
    by_name("unknown_outcome reconcile", "ExchangeNotAvailable", "binance GET https://api.binance.com/api/v3/exchangeInfo"),
    by_name(
        "exchange never",
        "ExchangeNotAvailable",
        'binance GET https://api.binance.com/api/v3/exchangeInfo 451  { "code": 0, "msg": "Service '
        "unavailable from a restricted location according to 'b. Eligibility' in https://www.binance.com/en/terms.\" }",
    ),
    by_name(
        "exchange retry",
        "OnMaintenance",
        'okx {"code":"50001","data":[],"msg":"Service temporarily unavailable. Please try again later"}',
    ),
    by_name(
        "system resync",
        "InvalidNonce",
        'binance {"code":-1021,"msg":"Timestamp for this request was 1000ms ahead of the server\'s time."}',
    ),
    by_name("system resync", "InvalidNonce", 'kraken {"error":["EAPI:Invalid nonce"]}'),
    by_name(
        "data_feed resync",
        "ChecksumError",
        "okx orderbook data checksum validation failed. You can reconnect by calling watchOrderBook again",
    ),
    by_name("unknown_outcome reconcile", "RequestTimeout", "binance POST https://api.binance.com/api/v3/order"),
    by_name(
        "unknown_outcome reconcile",
        "RequestTimeout",
        'binance {"code":-1007,"msg":"Timeout waiting for response from backend server. Send status unknown; '
        'execution status unknown."}',
    ),
    by_name("unknown_outcome reconcile", "NetworkError", "bybit POST https://api.bybit.com/v5/order/create"),
    by_name(
        "unknown_outcome reconcile",
        "OperationFailed",
        'binance {"code":-1000,"msg":"An unknown error occurred while processing the request."}',
    ),
    by_name("unknown_outcome reconcile", "NullResponse", "kraken returned an empty response"),
    by_name("order reconcile", "CancelPending", "okx cancellation failed as the order is already under cancelling status"),
    by_name("exchange never", "ExchangeError", 'kraken {"error":["EAPI:Feature disabled"]}'),
    by_name("exchange never", "ExchangeError", "gate something new"),
    by_name("system never", "ExchangeClosedByUser", "binance connection closed by user"),
    by_name("configuration never", "InvalidProxySettings", "binance you have multiple conflicting proxy settings"),
]
