"""The feed job: events become feature columns in the database, and fresh entries in the cache."""
