"""The soak: many connections, a fault every second, for minutes. `python -m tests.soak`, `make soak`."""
