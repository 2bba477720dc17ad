"""The shoppers of the load: pages looked at, items clicked."""
