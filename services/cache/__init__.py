"""The online feature cache: Redis with its write policy as a function library."""
