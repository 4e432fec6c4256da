"""Attacks on personal adapters that leak: whose they are, whether a clip was in them, and what they tell of others."""
