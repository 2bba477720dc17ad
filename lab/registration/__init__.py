"""What a world registers, so that the core need not know it: names, tables, metrics, indicators, signals, rules."""
