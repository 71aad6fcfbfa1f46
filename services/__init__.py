"""The three services and the kit that they share."""
