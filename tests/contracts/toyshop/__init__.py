"""A service that is not ours, for the toy to be a resource of."""
