"""The fault catalogue: one small module per fault family, each fault with its parameters, docs and truth."""
