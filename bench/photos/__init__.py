"""Photos of owners: read with care, protected where the face is, and written whole."""
