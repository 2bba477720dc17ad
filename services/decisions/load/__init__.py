"""The cardholders of the load: what they pay, and what they report that they did not pay."""
