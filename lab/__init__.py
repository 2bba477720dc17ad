"""Chaos lab: breaks hybrid systems on purpose and grades root-cause analysis."""

__version__ = "0.1.0"
