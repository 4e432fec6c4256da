"""Training of the networks that come with the package, on public people."""
