"""Worlds: the content behind the requests of a system (people, features, models, what comes of them)."""
