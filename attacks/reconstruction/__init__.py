"""Reconstruction: what did this client's frames look like?"""
