"""Portraits that their owners protect, and attackers who make them speak all the same."""
