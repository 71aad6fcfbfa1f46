"""What was done at an account, as the account's view shows it."""
