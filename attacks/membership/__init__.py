"""Membership: did this person take part?"""
