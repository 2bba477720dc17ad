"""The feature service: the entry point, which looks features up, has items scored and ruled, and answers a page."""
