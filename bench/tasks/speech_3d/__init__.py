"""Speech-driven 3-D faces: from speech to a moving mesh."""
