"""The mechanisms that act on updates and sums for privacy: clipping and noise, round by round."""
