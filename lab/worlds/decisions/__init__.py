"""Fraud decisions: payments by cards at merchants, of which a few are fraud, and what a bank's model makes of them."""
