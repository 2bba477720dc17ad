"""Ten thousand requests a second for ten minutes on two cores: the recommender, 32 times as many workers, 1/500 kept.

From the command to the verdict: `lab run` with its full twin, the rules and grades. Prints wall-clock time and CPU
beside the scenario's own length, memory and what was found.

    python benchmarks/rate.py
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import yaml
from long_run import days
from measuring import reported

import lab.systems

RATE_PER_S, FOR_S = 10_000, 600
WIDER = 32
SCENARIO = {
    "schema_version": 1, "name": "rate", "system": "wide.system.yaml", "seed": 1, "duration": f"{FOR_S}s",
    "load": {"stages": [{"for": f"{FOR_S}s", "rate": f"{RATE_PER_S}/s"}]},
    "faults": [
        {"id": "f1", "type": "network-partition", "target": "features->model", "at": "240s", "for": "180s",
         "with": {"fraction": "30%"}},
    ],
}  # fmt: skip


def write(directory: Path) -> Path:
    """The scenario's file and its system's."""
    system = yaml.safe_load(Path(lab.systems.__file__).with_name("recommender.system.yaml").read_text(encoding="utf-8"))
    system["name"] = "wide"
    system["observe"] = {"scrape_interval": "5s", "sampling": {"traces": "0.2%", "slow": "2s", "records": "0.2%"}}
    for part in system["components"].values():
        if part["kind"] not in ("users", "job"):
            part["workers"] *= WIDER
    (directory / "wide.system.yaml").write_text(json.dumps(system), encoding="utf-8")
    path = directory / "rate.scenario.yaml"
    path.write_text(json.dumps(SCENARIO), encoding="utf-8")
    return path


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        figures, told = days(str(write(Path(directory))))
    print(told)
    return reported(figures)


if __name__ == "__main__":
    sys.exit(main())
