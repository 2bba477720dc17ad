"""The shop: users, items, a click model and the dynamics that make fresh features worth clicks."""
