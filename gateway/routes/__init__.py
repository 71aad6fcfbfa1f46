"""What the gateway does with a request, one module a kind."""
