"""In-domain networks that metrics read frames with, their recipes and their validation."""
