"""What is done to updates and sums for privacy: clipping and noise, round by round."""
