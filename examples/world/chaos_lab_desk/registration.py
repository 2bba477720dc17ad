"""What the desk registers. It loads nothing heavy, so that files are checked quickly."""

from __future__ import annotations

from lab.registration.costs import Cost
from lab.registration.recorded import Column, Metric, Recorded, Table, sample_weight
from lab.registration.settings import Operation, Setting
from lab.registration.signals import Signals, SignalSpec
from lab.registration.slis import Sli
from lab.registration.world import World

WINDOW_INTERVALS = 4

_QUESTIONS = Table(
    "questions",
    (
        Column("time_s", "float", "when the question was answered or handed on"),
        Column("trace_id", "category", "request"),
        Column("service.name", "category", "component that took it"),
        Column("topic", "int", "what it was about, from 0"),
        Column("is_escalated", "int", "1 where it was handed on to a specialist"),
        sample_weight("poor"),
    ),
)

WORLD = World(
    name="desk",
    title="A help desk that answers questions, and hands on those that it cannot answer",
    open="chaos_lab_desk.content:Desk",
    levers="chaos_lab_desk.levers:LEVERS",
    operations={"take_question": Operation("service", needed=True)},
    settings={"topics": Setting("how many topics there are", at_least=1, at_most=50, is_whole=True, default=8)},
    recording=Recorded(
        tables=(_QUESTIONS,),
        metrics=(
            Metric("desk.question.count", "1", "questions answered or handed on"),
            Metric("desk.escalation.count", "1", "questions handed on"),
            Metric("desk.escalation.cost", "EUR", "what specialists' time for them costs"),
        ),
    ),
    slis=(
        Sli(
            name="escalation_ratio",
            unit="ratio",
            bad="rises",
            doc="questions handed on, of all",
            of="chaos_lab_desk.slis:escalation_ratio",
            window_intervals=WINDOW_INTERVALS,
        ),
        Sli(
            name="escalation_cost_eur",
            unit="EUR",
            bad="rises",
            doc="cost of questions handed on, by interval",
            of="chaos_lab_desk.slis:escalation_cost_eur",
        ),
    ),
    costs=(
        Cost(
            name="escalation_eur",
            unit="EUR",
            doc="specialists' time for questions handed on",
            of="chaos_lab_desk.slis:escalation_cost_eur",
        ),
    ),
    signals=(
        Signals(
            of="chaos_lab_desk.signals:series",
            catalogue={
                "topic_escalation_ratio": SignalSpec("ratio", "`topic.` and its number", "its questions handed on")
            },
        ),
    ),
    rules=("chaos_lab_desk:rules.yaml",),
    stack_needs="a service that answers questions, as a container of the compose file of its system",
)
