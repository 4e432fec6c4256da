"""The treatment of updates and sums for privacy: clipping and noise, round by round."""
