"""The commands for trees: `oneforone check`, `oneforone tree`, `oneforone doctor`."""

from supervisor.commands.verbs import BROKEN as BROKEN
from supervisor.commands.verbs import GOOD as GOOD
from supervisor.commands.verbs import INTERRUPTED as INTERRUPTED
from supervisor.commands.verbs import UNREAD as UNREAD
from supervisor.commands.verbs import WRONG as WRONG
from supervisor.commands.verbs import check as check
from supervisor.commands.verbs import doctor as doctor
from supervisor.commands.verbs import ending as ending
from supervisor.commands.verbs import tree as tree

__all__ = ["BROKEN", "GOOD", "INTERRUPTED", "UNREAD", "WRONG", "check", "doctor", "ending", "tree"]
