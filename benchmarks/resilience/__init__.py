"""What a call costs that goes through a policy and succeeds: ours, and other libraries' beside it."""
