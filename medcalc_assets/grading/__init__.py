"""Models against keys: what a reply says, whether it is right by a key, what it earns in training."""
