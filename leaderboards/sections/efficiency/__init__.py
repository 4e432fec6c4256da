"""Quality against speed, and against size."""
