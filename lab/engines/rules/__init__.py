"""The reference engine: signals, change points, and a fault tree in YAML (the shipped one, or a file of one's own).

It finds the onset itself, knows elements by kind only, and says `healthy` when no cause of the tree holds.
"""

from __future__ import annotations

from pathlib import Path

from lab.contracts import Diagnosis


def diagnose(observed: Path, rules: Path | None = None) -> Diagnosis:
    """Signals of the recording, then a fault tree, most confident cause first.

    The tree is that of the rules file, or the shipped one for the world of the recording's system.
    """
    from lab.engines.rules.inference import infer
    from lab.engines.rules.shipped import shipped_tree
    from lab.engines.rules.tree import known_tree
    from lab.signals import load_recorded

    recording, signals = load_recorded(observed)
    tree = known_tree(rules) if rules else shipped_tree(recording.system.get("world"))
    return infer(recording, tree, signals)
