"""The customer's people, and the links between them."""
