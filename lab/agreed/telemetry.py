"""What the collector keeps of a run, for the lab to fetch."""

from __future__ import annotations

KINDS = ("spans", "logs", "metrics", "statements")
"""Raw records, one file `<kind>.jsonl` each."""
DATA_DIRECTORY = "/data"
"""Where they are in the collector's container."""
LATE_SEND = "late_send"
"""The load's log event for a request that was sent later than it was due."""
