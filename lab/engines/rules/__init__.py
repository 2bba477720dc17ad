"""The reference engine: signals, change points, and a fault tree in YAML (`rules.yaml`, or a file of one's own).

It finds the onset itself, knows elements by kind only, and says `healthy` when no cause of the tree holds.
"""

from __future__ import annotations

from pathlib import Path

from lab.contracts import Diagnosis

RULES = Path(__file__).with_name("rules.yaml")


def diagnose(observed: Path, rules: Path = RULES) -> Diagnosis:
    """Signals of the recording, then the fault tree of the rules file, most confident cause first."""
    from lab.engines.rules.inference import infer
    from lab.engines.rules.tree import known_tree
    from lab.signals import load_recorded

    recording, signals = load_recorded(observed)
    return infer(recording, known_tree(rules), signals)
