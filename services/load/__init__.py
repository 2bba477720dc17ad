"""The load: a scenario's arrivals replayed open-loop by locust. What a request is and what comes of it is a world's."""
