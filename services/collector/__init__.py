"""The collector: takes in spans and logs, samples what only reports sums, reads the statement log, keeps raw files."""
