"""The shoppers: the scenario's arrivals replayed open-loop by locust, pages looked at, items clicked."""
