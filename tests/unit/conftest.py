"""Fixtures of more than one module."""

from tests.cli_cases import folder  # noqa: F401
