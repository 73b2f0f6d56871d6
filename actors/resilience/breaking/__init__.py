"""Breakers: calls that keep failing are not made for a while."""
