"""So many calls in a time, and so many at once."""
