"""Identity: whose face, and what about it, is in an update or in a personal adapter?"""
