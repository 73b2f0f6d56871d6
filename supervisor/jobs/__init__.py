"""Supervised tasks: async functions as children of a dynamic supervisor, and their results."""
