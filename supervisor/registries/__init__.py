"""Registries: keys with values that lives register, and a lock per key."""
