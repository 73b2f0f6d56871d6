"""Errors of a bot: what can go wrong between it and an exchange, in one vocabulary.

`taxonomy` draws the tree of them, `classify` judges any error, `explain` says for people what an exchange's code means.
"""

from actors.errors.base import ActorsError as ActorsError
from actors.errors.classification import Classification as Classification
from actors.errors.classification import Classifier as Classifier
from actors.errors.classification import classify as classify
from actors.errors.context import ErrorContext as ErrorContext
from actors.errors.context import ErrorFields as ErrorFields
from actors.errors.context import current_context as current_context
from actors.errors.explanations import Explanation as Explanation
from actors.errors.explanations import explain as explain
from actors.errors.kinds import Action as Action
from actors.errors.kinds import Category as Category
from actors.errors.kinds import Recoverability as Recoverability
from actors.errors.kinds import Severity as Severity
from actors.errors.rules import Rule as Rule
from actors.errors.taxonomy import AuthenticationError as AuthenticationError
from actors.errors.taxonomy import BadFrame as BadFrame
from actors.errors.taxonomy import Banned as Banned
from actors.errors.taxonomy import BrokerError as BrokerError
from actors.errors.taxonomy import BulkheadFull as BulkheadFull
from actors.errors.taxonomy import CallTimeout as CallTimeout
from actors.errors.taxonomy import CircuitOpen as CircuitOpen
from actors.errors.taxonomy import ConfigurationError as ConfigurationError
from actors.errors.taxonomy import ConnectFailed as ConnectFailed
from actors.errors.taxonomy import ConnectionLost as ConnectionLost
from actors.errors.taxonomy import DataFeedError as DataFeedError
from actors.errors.taxonomy import DataGap as DataGap
from actors.errors.taxonomy import ExchangeRefused as ExchangeRefused
from actors.errors.taxonomy import ExchangeUnavailable as ExchangeUnavailable
from actors.errors.taxonomy import IndicatorError as IndicatorError
from actors.errors.taxonomy import InsufficientFunds as InsufficientFunds
from actors.errors.taxonomy import LimitReached as LimitReached
from actors.errors.taxonomy import MarketClosed as MarketClosed
from actors.errors.taxonomy import MarketDataError as MarketDataError
from actors.errors.taxonomy import MemoryPressure as MemoryPressure
from actors.errors.taxonomy import NetworkError as NetworkError
from actors.errors.taxonomy import NetworkTimeout as NetworkTimeout
from actors.errors.taxonomy import NotificationError as NotificationError
from actors.errors.taxonomy import OrderError as OrderError
from actors.errors.taxonomy import OrderRejected as OrderRejected
from actors.errors.taxonomy import PositionError as PositionError
from actors.errors.taxonomy import RateLimited as RateLimited
from actors.errors.taxonomy import RecordingError as RecordingError
from actors.errors.taxonomy import RecoveryError as RecoveryError
from actors.errors.taxonomy import RecoveryFailed as RecoveryFailed
from actors.errors.taxonomy import RecoveryLoop as RecoveryLoop
from actors.errors.taxonomy import RecoveryRunning as RecoveryRunning
from actors.errors.taxonomy import SecurityError as SecurityError
from actors.errors.taxonomy import StaleData as StaleData
from actors.errors.taxonomy import StorageError as StorageError
from actors.errors.taxonomy import StrategyError as StrategyError
from actors.errors.taxonomy import SystemFault as SystemFault
from actors.errors.taxonomy import UnknownInstrument as UnknownInstrument
from actors.errors.taxonomy import UnknownOrder as UnknownOrder
from actors.errors.taxonomy import UnknownOutcome as UnknownOutcome
from actors.errors.taxonomy import ValidationError as ValidationError

__all__ = [
    "Action",
    "ActorsError",
    "AuthenticationError",
    "BadFrame",
    "Banned",
    "BrokerError",
    "BulkheadFull",
    "CallTimeout",
    "Category",
    "CircuitOpen",
    "Classification",
    "Classifier",
    "ConfigurationError",
    "ConnectFailed",
    "ConnectionLost",
    "DataFeedError",
    "DataGap",
    "ErrorContext",
    "ErrorFields",
    "ExchangeRefused",
    "ExchangeUnavailable",
    "Explanation",
    "IndicatorError",
    "InsufficientFunds",
    "LimitReached",
    "MarketClosed",
    "MarketDataError",
    "MemoryPressure",
    "NetworkError",
    "NetworkTimeout",
    "NotificationError",
    "OrderError",
    "OrderRejected",
    "PositionError",
    "RateLimited",
    "RecordingError",
    "Recoverability",
    "RecoveryError",
    "RecoveryFailed",
    "RecoveryLoop",
    "RecoveryRunning",
    "Rule",
    "SecurityError",
    "Severity",
    "StaleData",
    "StorageError",
    "StrategyError",
    "SystemFault",
    "UnknownInstrument",
    "UnknownOrder",
    "UnknownOutcome",
    "ValidationError",
    "classify",
    "current_context",
    "explain",
]


def _repair_modules() -> None:
    """Let tracebacks and pickles name the public place, so that files can move."""
    for name in __all__:
        globals()[name].__module__ = __name__


_repair_modules()
