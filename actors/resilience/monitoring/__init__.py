"""What goes wrong, counted, and whom to tell."""
