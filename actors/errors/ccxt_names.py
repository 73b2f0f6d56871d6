"""What ccxt's exceptions mean, by name.

ccxt raises ExchangeNotAvailable both when a connection is refused and when a gateway answers 502, and NetworkError for whatever
is left, so that neither says that an order was not carried out.
"""

from __future__ import annotations

from actors.errors.kinds import Action, Category
from actors.errors.rules import Rule

__all__ = ["rules"]

_NAMES = {
    "authentication never": "AuthenticationError PermissionDenied AccountNotEnabled AccountSuspended ManualInteractionNeeded",
    "validation fix": "ArgumentsRequired BadRequest BadSymbol NotSupported InvalidAddress ContractUnavailable",
    "validation never": "NoChange MarginModeAlreadySet",
    "validation wait": "AddressPending",
    "order fix": "InsufficientFunds InvalidOrder OrderImmediatelyFillable OrderNotFillable OperationRejected",
    "order reconcile": "OrderNotFound OrderNotCached DuplicateOrderId CancelPending",
    "order wait": "MarketClosed",
    "exchange never": "ExchangeError RestrictedLocation",
    "exchange retry": "OnMaintenance",
    "rate_limit wait": "DDoSProtection RateLimitExceeded",
    "system resync": "InvalidNonce",
    "data_feed resync": "ChecksumError UnsubscribeError",
    "unknown_outcome reconcile": "OperationFailed NetworkError ExchangeNotAvailable RequestTimeout BadResponse NullResponse",
    "system never": "ExchangeClosedByUser",
    "configuration never": "InvalidProxySettings",
    "unknown never": "BaseError",
}


def rules() -> tuple[Rule, ...]:
    """In the order of precedence, where two are equally specific."""
    return (
        *(
            Rule(f"ccxt.{name}", Category(verdict.split()[0]), Action(verdict.split()[1]), kind=f"ccxt.{name}")
            for verdict, names in _NAMES.items()
            for name in names.split()
        ),
        Rule("restricted location", "exchange", "never", kind="ccxt.ExchangeNotAvailable", text="restricted location"),
    )
