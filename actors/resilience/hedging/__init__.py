"""Another call of the same when the first is slow."""
