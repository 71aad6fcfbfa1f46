"""How Foothold is run: the laptop stack, the broker's topics, and later the images."""
