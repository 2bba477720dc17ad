"""What the Python services share: trace context, telemetry export, JSON logs, metrics."""
