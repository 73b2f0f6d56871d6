"""What keeps calls to an unreliable world in bounds: policies, and the pure machines that decide for them.

    breaking       calls that keep failing are not made for a while         CircuitBreaker
    retrying       what failed for a passing reason is made again           Retry, RetryBudget
    limiting       so many in a time, and so many at once                   RateLimiter, Bulkhead
    timeout        so many seconds and no more                              Timeout
    substituting   something else answers                                   Fallback
    hedging        another call of the same when the first is slow          Hedge
    composing      several policies as one                                  Pipeline, @resilient
    recovering     what was laid down for a failure is done, once           Recovery
    monitoring     what goes wrong, counted, and whom to tell               ErrorMonitor
    configuring    policies from TOML and YAML                              load_resilience

`policy` says what all of them are. What an error means is in `actors.errors`.
"""

from actors.resilience.breaking.breaker import CircuitBreaker as CircuitBreaker
from actors.resilience.breaking.call import BreakerCall as BreakerCall
from actors.resilience.breaking.config import BreakerOptions as BreakerOptions
from actors.resilience.breaking.machine import BreakerConfig as BreakerConfig
from actors.resilience.breaking.machine import BreakerMachine as BreakerMachine
from actors.resilience.breaking.machine import BreakerState as BreakerState
from actors.resilience.breaking.machine import BreakerStatistics as BreakerStatistics
from actors.resilience.breaking.machine import Permit as Permit
from actors.resilience.breaking.machine import Transition as Transition
from actors.resilience.breaking.registry import BreakerRegistry as BreakerRegistry
from actors.resilience.breaking.registry import default_breakers as default_breakers
from actors.resilience.composing.blocks import PipelineAttempt as PipelineAttempt
from actors.resilience.composing.blocks import PipelineLoop as PipelineLoop
from actors.resilience.composing.decorators import circuit_breaker as circuit_breaker
from actors.resilience.composing.decorators import pipeline_of as pipeline_of
from actors.resilience.composing.decorators import resilient as resilient
from actors.resilience.composing.decorators import retry_on_network_error as retry_on_network_error
from actors.resilience.composing.passages import Entered as Entered
from actors.resilience.composing.pipeline import Pipeline as Pipeline
from actors.resilience.composing.pipeline import PipelineWarning as PipelineWarning
from actors.resilience.configuring.configured import Resilience as Resilience
from actors.resilience.configuring.configured import load_resilience as load_resilience
from actors.resilience.configuring.configured import read_resilience as read_resilience
from actors.resilience.contexts import async_error_context as async_error_context
from actors.resilience.contexts import error_context as error_context
from actors.resilience.error_handler import ErrorHandler as ErrorHandler
from actors.resilience.error_handler import handle_errors as handle_errors
from actors.resilience.hedging.hedge import Hedge as Hedge
from actors.resilience.hedging.hedge import HedgeStatistics as HedgeStatistics
from actors.resilience.hedging.hedge import Race as Race
from actors.resilience.limiting.bulkhead import Bulkhead as Bulkhead
from actors.resilience.limiting.gate import LimiterStatistics as LimiterStatistics
from actors.resilience.limiting.limit import Limit as Limit
from actors.resilience.limiting.limit import LimitKind as LimitKind
from actors.resilience.limiting.limiter import RateLimiter as RateLimiter
from actors.resilience.limiting.limiter_machine import LimiterMachine as LimiterMachine
from actors.resilience.limiting.limiter_machine import Reservation as Reservation
from actors.resilience.limiting.rolling_window import RollingWindow as RollingWindow
from actors.resilience.limiting.slots import BulkheadStatistics as BulkheadStatistics
from actors.resilience.limiting.token_bucket import TokenBucket as TokenBucket
from actors.resilience.limiting.window import seconds_until as seconds_until
from actors.resilience.monitoring.alerts import AlertRule as AlertRule
from actors.resilience.monitoring.alerts import ErrorAlert as ErrorAlert
from actors.resilience.monitoring.counts import ErrorCount as ErrorCount
from actors.resilience.monitoring.ledger import ErrorLine as ErrorLine
from actors.resilience.monitoring.ledger import ErrorRecord as ErrorRecord
from actors.resilience.monitoring.ledger import ErrorStatistics as ErrorStatistics
from actors.resilience.monitoring.monitor import ErrorMonitor as ErrorMonitor
from actors.resilience.monitoring.watch import ErrorWatch as ErrorWatch
from actors.resilience.policy import Policy as Policy
from actors.resilience.recovering.action import AttemptOutcome as AttemptOutcome
from actors.resilience.recovering.action import AttemptRecord as AttemptRecord
from actors.resilience.recovering.action import Incident as Incident
from actors.resilience.recovering.action import RecoveryAction as RecoveryAction
from actors.resilience.recovering.action import RecoveryEnded as RecoveryEnded
from actors.resilience.recovering.action import RecoveryKind as RecoveryKind
from actors.resilience.recovering.action import RecoveryResult as RecoveryResult
from actors.resilience.recovering.action import RecoveryStatistics as RecoveryStatistics
from actors.resilience.recovering.action import When as When
from actors.resilience.recovering.guard import RecoveryGuard as RecoveryGuard
from actors.resilience.recovering.recovery import Recovery as Recovery
from actors.resilience.retrying.attempt import Attempt as Attempt
from actors.resilience.retrying.attempts import Attempts as Attempts
from actors.resilience.retrying.budget import BudgetSuppressed as BudgetSuppressed
from actors.resilience.retrying.budget import RetryBudget as RetryBudget
from actors.resilience.retrying.budget_machine import BudgetConfig as BudgetConfig
from actors.resilience.retrying.budget_machine import BudgetMachine as BudgetMachine
from actors.resilience.retrying.budget_machine import BudgetStatistics as BudgetStatistics
from actors.resilience.retrying.delays import Delays as Delays
from actors.resilience.retrying.delays import Jitter as Jitter
from actors.resilience.retrying.plan import RetryPlan as RetryPlan
from actors.resilience.retrying.plan import RetryRules as RetryRules
from actors.resilience.retrying.plan import StopReason as StopReason
from actors.resilience.retrying.plan import Verdict as Verdict
from actors.resilience.retrying.record import RetryEvent as RetryEvent
from actors.resilience.retrying.record import RetryStatistics as RetryStatistics
from actors.resilience.retrying.retry import Retry as Retry
from actors.resilience.substituting.fallback import Fallback as Fallback
from actors.resilience.substituting.outcome import FallbackEvent as FallbackEvent
from actors.resilience.substituting.outcome import FallbackKind as FallbackKind
from actors.resilience.substituting.outcome import FallbackOutcome as FallbackOutcome
from actors.resilience.substituting.outcome import FallbackStatistics as FallbackStatistics
from actors.resilience.timeout import Deadline as Deadline
from actors.resilience.timeout import LateResult as LateResult
from actors.resilience.timeout import Timeout as Timeout
from actors.resilience.timeout import TimeoutStatistics as TimeoutStatistics
from supervisor import BackoffKind as BackoffKind

__all__ = [
    "AlertRule",
    "Attempt",
    "AttemptOutcome",
    "AttemptRecord",
    "Attempts",
    "BackoffKind",
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
    "Policy",
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
    if hasattr(globals()[_name], "__qualname__") and globals()[_name].__module__.startswith(__name__):  # ours, and no value
        globals()[_name].__module__ = __name__
