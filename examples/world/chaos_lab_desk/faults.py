"""What goes wrong at a desk."""

from __future__ import annotations

from collections.abc import Iterator

from chaos_lab_desk.levers import QuestionsMisrouted
from lab.contracts import Boundary
from lab.files.units import Ratio
from lab.injection.faults import Witness, fault
from lab.injection.levers import Testbed


@fault(
    "misrouted-questions",
    boundary=Boundary.SERVICE,
    target="service",
    witnesses=(Witness("topic_escalation_ratio", "*", 0.05),),
    recovery_s=30,
)
def misrouted_questions(testbed: Testbed, desk: str, *, fraction: Ratio = 0.6) -> Iterator[None]:
    """A new routing table sends a share of the questions to the wrong people, who hand most of them on."""
    with testbed.pull(desk, QuestionsMisrouted(fraction=fraction)):
        yield
