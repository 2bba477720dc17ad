"""The real stack: docker compose, real services, real faults."""
