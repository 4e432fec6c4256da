"""Squares of pictures that networks look at."""
