"""From a recording and an answer to a verdict: truth, witnesses, grades, statistics."""
