"""Fraud decisions on the stack: payments, features of cards and merchants, analysts, the aggregator, who pays."""
