"""Pure composition: from the answers of services to one answer."""
