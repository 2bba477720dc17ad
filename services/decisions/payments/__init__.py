"""The payment service: the entry point, which has payments scored and ruled, and holds some of them for analysts."""
