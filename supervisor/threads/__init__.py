"""Trees for synchronous programs: a tree on a thread of its own, and handles without await for all others."""
