"""The same cases on other libraries, each in its own environment, and on Erlang/OTP: `python -m benchmarks.peers`."""
