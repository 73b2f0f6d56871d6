"""Policies from TOML and YAML."""
