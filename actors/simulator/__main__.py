"""`python -m actors.simulator`."""

from __future__ import annotations

import sys

from actors.simulator.command import main

sys.exit(main(sys.argv[1:]))
