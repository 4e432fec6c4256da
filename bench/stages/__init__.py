"""The former place of the talking head's stages; names that people import by stay here."""
