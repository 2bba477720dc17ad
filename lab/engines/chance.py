"""Floor: every element, boundary and kind in one tie, so that the expected grade is that of chance."""

from __future__ import annotations

import json
from pathlib import Path

from lab.contracts import MOST_FINDINGS, Boundary, Diagnosis, Finding, Verdict


def known_kinds() -> list[str]:
    """The names a guess may pick from: the vocabulary that `lab faults` publishes, decoys left out."""
    # Read when guessing, from the public registry: a list kept here would go stale with every new fault.
    from lab.injection.faults import fault_types

    return [name for name, fault_type in fault_types().items() if not fault_type.is_decoy]


def diagnose(observed: Path) -> Diagnosis:
    """Blames everything equally, always. Its culprit, boundary and kind grades are exactly 1 / number of choices.

    Each element gets as many findings as the longer vocabulary has words. Words are dealt out in turn, so each element
    is paired with every boundary and with every kind; repeats of a pair don't count in grading. It names no onset.
    On a system so large that no answer holds that many, each element gets fewer, and a share of the words.
    """
    system = json.loads((observed / "system.json").read_text(encoding="utf-8"))
    elements = [*system["components"], *system["links"]]
    boundaries, kinds = list(Boundary), known_kinds()
    words = min(max(len(boundaries), len(kinds)), MOST_FINDINGS // len(elements))
    findings = tuple(
        Finding(element, str(boundaries[i % len(boundaries)]), kinds[i % len(kinds)], None, 1 / len(elements))
        for element in elements
        for i in range(words)
    )
    return Diagnosis(Verdict.FAULT, findings)
