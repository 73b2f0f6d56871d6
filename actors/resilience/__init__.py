"""What keeps calls to an unreliable world in bounds: pure machines, to which time and random numbers are arguments."""

from actors.resilience.attempt import Attempt as Attempt
from actors.resilience.attempts import Attempts as Attempts
from actors.resilience.breaker import BreakerCall as BreakerCall
from actors.resilience.breaker import CircuitBreaker as CircuitBreaker
from actors.resilience.breaker_config import BreakerOptions as BreakerOptions
from actors.resilience.breaker_machine import BreakerConfig as BreakerConfig
from actors.resilience.breaker_machine import BreakerMachine as BreakerMachine
from actors.resilience.breaker_machine import BreakerState as BreakerState
from actors.resilience.breaker_machine import BreakerStatistics as BreakerStatistics
from actors.resilience.breaker_machine import Permit as Permit
from actors.resilience.breaker_machine import Transition as Transition
from actors.resilience.breaker_registry import BreakerRegistry as BreakerRegistry
from actors.resilience.breaker_registry import default_breakers as default_breakers
from actors.resilience.budget import BudgetSuppressed as BudgetSuppressed
from actors.resilience.budget import RetryBudget as RetryBudget
from actors.resilience.budget_machine import BudgetConfig as BudgetConfig
from actors.resilience.budget_machine import BudgetMachine as BudgetMachine
from actors.resilience.budget_machine import BudgetStatistics as BudgetStatistics
from actors.resilience.bulkhead import Bulkhead as Bulkhead
from actors.resilience.configured import Resilience as Resilience
from actors.resilience.configured import load_resilience as load_resilience
from actors.resilience.configured import read_resilience as read_resilience
from actors.resilience.contexts import async_error_context as async_error_context
from actors.resilience.contexts import error_context as error_context
from actors.resilience.decorators import circuit_breaker as circuit_breaker
from actors.resilience.decorators import pipeline_of as pipeline_of
from actors.resilience.decorators import resilient as resilient
from actors.resilience.decorators import retry_on_network_error as retry_on_network_error
from actors.resilience.delays import Delays as Delays
from actors.resilience.delays import Jitter as Jitter
from actors.resilience.error_alerts import AlertRule as AlertRule
from actors.resilience.error_alerts import ErrorAlert as ErrorAlert
from actors.resilience.error_counts import ErrorCount as ErrorCount
from actors.resilience.error_handler import ErrorHandler as ErrorHandler
from actors.resilience.error_handler import handle_errors as handle_errors
from actors.resilience.error_ledger import ErrorLine as ErrorLine
from actors.resilience.error_ledger import ErrorRecord as ErrorRecord
from actors.resilience.error_ledger import ErrorStatistics as ErrorStatistics
from actors.resilience.error_watch import ErrorWatch as ErrorWatch
from actors.resilience.fallback import Fallback as Fallback
from actors.resilience.fallback_outcome import FallbackEvent as FallbackEvent
from actors.resilience.fallback_outcome import FallbackKind as FallbackKind
from actors.resilience.fallback_outcome import FallbackOutcome as FallbackOutcome
from actors.resilience.fallback_outcome import FallbackStatistics as FallbackStatistics
from actors.resilience.gate import LimiterStatistics as LimiterStatistics
from actors.resilience.hedge import Hedge as Hedge
from actors.resilience.hedge import HedgeStatistics as HedgeStatistics
from actors.resilience.hedge import Race as Race
from actors.resilience.limiter import RateLimiter as RateLimiter
from actors.resilience.limiter_machine import LimiterMachine as LimiterMachine
from actors.resilience.limiter_machine import Reservation as Reservation
from actors.resilience.limits import Limit as Limit
from actors.resilience.limits import LimitKind as LimitKind
from actors.resilience.monitor import ErrorMonitor as ErrorMonitor
from actors.resilience.passages import Entered as Entered
from actors.resilience.pipeline import Pipeline as Pipeline
from actors.resilience.pipeline import PipelineWarning as PipelineWarning
from actors.resilience.pipeline_blocks import PipelineAttempt as PipelineAttempt
from actors.resilience.pipeline_blocks import PipelineLoop as PipelineLoop
from actors.resilience.recovery import Recovery as Recovery
from actors.resilience.recovery_action import AttemptOutcome as AttemptOutcome
from actors.resilience.recovery_action import AttemptRecord as AttemptRecord
from actors.resilience.recovery_action import Incident as Incident
from actors.resilience.recovery_action import RecoveryAction as RecoveryAction
from actors.resilience.recovery_action import RecoveryEnded as RecoveryEnded
from actors.resilience.recovery_action import RecoveryKind as RecoveryKind
from actors.resilience.recovery_action import RecoveryResult as RecoveryResult
from actors.resilience.recovery_action import RecoveryStatistics as RecoveryStatistics
from actors.resilience.recovery_action import When as When
from actors.resilience.recovery_guard import RecoveryGuard as RecoveryGuard
from actors.resilience.retry import Retry as Retry
from actors.resilience.retry_plan import RetryPlan as RetryPlan
from actors.resilience.retry_plan import RetryRules as RetryRules
from actors.resilience.retry_plan import StopReason as StopReason
from actors.resilience.retry_plan import Verdict as Verdict
from actors.resilience.retry_record import RetryEvent as RetryEvent
from actors.resilience.retry_record import RetryStatistics as RetryStatistics
from actors.resilience.rolling_window import RollingWindow as RollingWindow
from actors.resilience.rolling_window import seconds_until as seconds_until
from actors.resilience.slots import BulkheadStatistics as BulkheadStatistics
from actors.resilience.timeout import Deadline as Deadline
from actors.resilience.timeout import LateResult as LateResult
from actors.resilience.timeout import Timeout as Timeout
from actors.resilience.timeout import TimeoutStatistics as TimeoutStatistics
from actors.resilience.token_bucket import TokenBucket as TokenBucket

__all__ = [
    "AlertRule",
    "Attempt",
    "AttemptOutcome",
    "AttemptRecord",
    "Attempts",
    "BreakerCall",
    "BreakerConfig",
    "BreakerMachine",
    "BreakerOptions",
    "BreakerRegistry",
    "BreakerState",
    "BreakerStatistics",
    "BudgetConfig",
    "BudgetMachine",
    "BudgetStatistics",
    "BudgetSuppressed",
    "Bulkhead",
    "BulkheadStatistics",
    "CircuitBreaker",
    "Deadline",
    "Delays",
    "Entered",
    "ErrorAlert",
    "ErrorCount",
    "ErrorHandler",
    "ErrorLine",
    "ErrorMonitor",
    "ErrorRecord",
    "ErrorStatistics",
    "ErrorWatch",
    "Fallback",
    "FallbackEvent",
    "FallbackKind",
    "FallbackOutcome",
    "FallbackStatistics",
    "Hedge",
    "HedgeStatistics",
    "Incident",
    "Jitter",
    "LateResult",
    "Limit",
    "LimitKind",
    "LimiterMachine",
    "LimiterStatistics",
    "Permit",
    "Pipeline",
    "PipelineAttempt",
    "PipelineLoop",
    "PipelineWarning",
    "Race",
    "RateLimiter",
    "Recovery",
    "RecoveryAction",
    "RecoveryEnded",
    "RecoveryGuard",
    "RecoveryKind",
    "RecoveryResult",
    "RecoveryStatistics",
    "Reservation",
    "Resilience",
    "Retry",
    "RetryBudget",
    "RetryEvent",
    "RetryPlan",
    "RetryRules",
    "RetryStatistics",
    "RollingWindow",
    "StopReason",
    "Timeout",
    "TimeoutStatistics",
    "TokenBucket",
    "Transition",
    "Verdict",
    "When",
    "async_error_context",
    "circuit_breaker",
    "default_breakers",
    "error_context",
    "handle_errors",
    "load_resilience",
    "pipeline_of",
    "read_resilience",
    "resilient",
    "retry_on_network_error",
    "seconds_until",
]

for _name in __all__:
    if hasattr(globals()[_name], "__qualname__"):  # a class or a function
        globals()[_name].__module__ = __name__
