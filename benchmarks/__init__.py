"""Benchmarks: figures as ratios to a floor measured in the same run. Programs, not tests: `python -m benchmarks`, README.md."""
