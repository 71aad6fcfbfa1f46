"""The proof: a stack of its own under load and under fire, and whoever looks afterwards whether anything is wrong."""
