"""Something else answers when a call fails."""
