"""A help desk: people ask, the desk answers, and hands some questions on."""
