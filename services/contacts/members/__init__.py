"""Our own people and their reporting line."""
