"""How the in-domain networks are fitted and validated."""
