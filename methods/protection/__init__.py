"""Protections of portraits: what an owner changes in a photo so that nobody can make it speak."""
