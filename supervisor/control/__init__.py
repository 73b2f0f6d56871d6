"""The local control socket: whoever owns the process may look at its tree."""
