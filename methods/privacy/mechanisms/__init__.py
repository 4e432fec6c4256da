"""Privacy mechanisms: clipping and noise, done to updates and sums round by round."""
