"""The supervision framework itself, on every loop, beside the least code that could do the same there."""
