"""Several policies as one, and the ready-made decorators."""
