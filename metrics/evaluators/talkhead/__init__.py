"""In-domain networks, which come with the package."""
