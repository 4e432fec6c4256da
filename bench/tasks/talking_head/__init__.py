"""Federated personalised talking heads: what is trained, generated, scored and attacked."""
