"""The organisations we sell to, and who of us looks after them."""
