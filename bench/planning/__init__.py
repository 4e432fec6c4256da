"""The forecast of a run: what it will take, guarantee and be able to show, said before it starts."""
