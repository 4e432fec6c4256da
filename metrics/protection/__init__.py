"""The metrics of portrait protection: the silence it gives, and the damage and the visible change it costs."""
