"""What is derived about accounts from what other services tell."""
