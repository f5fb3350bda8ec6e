"""Preferences: all of one user's rules and destinations, as values and as text."""
