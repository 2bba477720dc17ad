"""The feature service: rows of a card and of a merchant, from the cache, else the database."""
