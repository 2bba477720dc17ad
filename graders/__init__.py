"""One module per axis of judgement. Each exposes a `lab.contracts.Grader`, registered under `lab.graders`."""
