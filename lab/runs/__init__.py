"""From scenarios to recordings, cases and comparisons."""
