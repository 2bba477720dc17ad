"""YAML with places, units and schemas; files that are written whole or not at all."""
