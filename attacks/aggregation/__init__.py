"""Aggregation: what is told by a sum of messages?"""
