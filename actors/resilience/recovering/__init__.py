"""What was laid down for a failure is done, once."""
