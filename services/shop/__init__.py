"""The shop's services: features (entry point), the feed, the shoppers of the load, its database's schema."""
