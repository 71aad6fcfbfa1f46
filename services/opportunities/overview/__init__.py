"""The deals of an account as its view shows them."""
