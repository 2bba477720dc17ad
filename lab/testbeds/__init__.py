"""Places a scenario runs."""
