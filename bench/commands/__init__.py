"""The work of the commands of `bench`."""
