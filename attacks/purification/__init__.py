"""Attackers of protected portraits, who purify the photo or change how the head is sampled."""
