#!/usr/bin/env python3
"""An engine of your own as a command: reads `observed/`, prints a diagnosis. It blames the link that times out most."""

import json
import sys
from pathlib import Path

import pandas as pd

observed = Path(sys.argv[1])
metrics = pd.read_parquet(observed / "metrics.parquet")
timeouts = metrics[metrics["metric"] == "client.timeout.count"]
by_link = timeouts.groupby(["service.name", "peer.service"], observed=True)["value"].sum()
if by_link.max() < 20:
    print(json.dumps({"schema_version": 1, "verdict": "healthy", "findings": []}))
    sys.exit()
caller, callee = by_link.idxmax()
mine = timeouts[(timeouts["service.name"] == caller) & (timeouts["peer.service"] == callee) & (timeouts["value"] > 0)]
finding = {
    "culprit": f"{caller}->{callee}",
    "boundary": "network",
    "kind": "network-partition",
    "onset_s": float(mine["time_s"].min()),
    "confidence": 0.5,
    "evidence": [
        {"signal": "client_timeout_ratio", "subject": f"{caller}->{callee}", "baseline": 0.0, "observed": 1.0}
    ],
    "why": [f"calls over {caller}->{callee} time out most"],
}
print(json.dumps({"schema_version": 1, "verdict": "fault", "findings": [finding]}))
