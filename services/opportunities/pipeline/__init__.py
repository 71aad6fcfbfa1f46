"""The five stages and the moves of a deal between them."""
