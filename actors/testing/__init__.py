"""Tools for who writes an adapter: the contract that every exchange's adapter keeps, checked with a recording.

report = exchange_contract(Kraken.production(), load_recording("kraken.txt"))
report.check()          # one AssertionError that lists everything that was forgotten
"""

from actors.testing.contract import contract_rules as contract_rules
from actors.testing.contract import exchange_contract as exchange_contract
from actors.testing.recorded_exchange import RecordedExchange as RecordedExchange
from actors.testing.recording import Answered as Answered
from actors.testing.recording import Conversation as Conversation
from actors.testing.recording import Heard as Heard
from actors.testing.recording import Meaning as Meaning
from actors.testing.recording import Question as Question
from actors.testing.recording import Recording as Recording
from actors.testing.recording_file import load_recording as load_recording
from actors.testing.recording_file import parse_recording as parse_recording
from actors.testing.report import ContractReport as ContractReport
from actors.testing.report import Failure as Failure
from actors.testing.rule import Rule as Rule

__all__ = [
    "Answered",
    "ContractReport",
    "Conversation",
    "Failure",
    "Heard",
    "Meaning",
    "Question",
    "RecordedExchange",
    "Recording",
    "Rule",
    "contract_rules",
    "exchange_contract",
    "load_recording",
    "parse_recording",
]
