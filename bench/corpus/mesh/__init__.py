"""Faces as moving meshes with speech: clips without pictures."""
