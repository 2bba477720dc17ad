"""A fault, a grader and an engine of one's own for the chaos lab."""
