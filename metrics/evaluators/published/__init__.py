"""Networks of the literature, read from files that the user installs."""
