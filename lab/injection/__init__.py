"""What faults are made of: levers, the registry of faults, the dry run."""
