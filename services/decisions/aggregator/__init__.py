"""The aggregator: payments and chargebacks become feature columns in the database, and fresh entries in the cache."""
