"""The steps of a run, in the order of the data: features -> train -> generate -> score -> attack -> record."""
