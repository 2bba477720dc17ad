"""What recordings have of nightly segments: a table of campaigns, metrics, the registry."""

from __future__ import annotations

from lab.registration.recorded import RIPE, Column, File, Metric, Recorded, Table, sample_weight
from lab.worlds.kit.tables import LOG_EVENTS, METRICS, PUBLISHED

LABEL_DAYS = 7
"""After so many days it is counted what came of a contact."""

_CONTACTS = Table(
    "contacts",
    (
        Column("time_s", "float", "when they were written to"),
        Column("trace_id", "category", "the run of the job that sent it"),
        Column("service.name", "category", "the campaign tool"),
        Column("campaign", "category", "what was sent: a campaign for each segment"),
        Column("segment", "category", "the segment in which they were"),
        Column("country", "category", "where they live"),
        Column("contacts", "int", "customers of this segment and country who were written to"),
        Column("cost_eur", "float", "what that cost"),
        Column(
            "responses", "float", f"those who responded within {LABEL_DAYS} days; null before", null=True, visible=RIPE
        ),
        Column(
            "revenue_eur", "float", "what they brought in by then, without the goods' own cost", null=True, visible=RIPE
        ),
        sample_weight("poor"),
    ),
)

RECORDED = Recorded(
    tables=(_CONTACTS,),
    metrics=(
        *METRICS,
        Metric("model.offline.accuracy", "ratio", "of the version that is served, on the frozen test set"),
        Metric("customer.count", "1", "customers who have signed up"),
        Metric("feature.order.value", "EUR", "of an order in the features, in the country named by `attribute`"),
        Metric("segment.scored.count", "1", "customers whom the model put into the segment named by `attribute`"),
        Metric("segment.published.count", "1", "rows of the segment named by `attribute` on the list of campaigns"),
        Metric("segment.published.rows", "1", "rows of the list"),
        Metric("segment.published.age", "s", "time since the list was published"),
        Metric("contact.count", "1", "customers written to"),
        Metric("contact.cost", "EUR", "what that cost"),
        Metric("contact.ripe.count", "1", f"customers written to {LABEL_DAYS} days before"),
        Metric("contact.ripe.cost", "EUR", "what that had cost"),
        Metric("contact.ripe.response.count", "1", "those of them who responded since"),
        Metric("contact.ripe.revenue", "EUR", "what they brought in since"),
        Metric("response.count", "1", "responses, when they come"),
        Metric("response.revenue", "EUR", "what they bring in, when they come"),
        Metric("campaign.due.count", "1", "rows of the list that were due, of the campaign named by `attribute`"),
        Metric("campaign.contact.count", "1", "customers written to by the campaign named by `attribute`"),
        Metric("campaign.ripe.cost", "EUR", "as `contact.ripe.cost`, of the campaign named by `attribute`"),
        Metric("campaign.ripe.revenue", "EUR", "as `contact.ripe.revenue`, of the campaign named by `attribute`"),
    ),
    log_events=LOG_EVENTS,
    files=(
        File(
            "reference/registry.json",
            "the model registry: each version with its parameters, its labels in order of its classes, the versions of"
            " the datasets that it was trained on (none are known of versions from before the run), and its accuracy on"
            " the frozen test set",
            PUBLISHED,
            shape="lab.worlds.batch.shapes:REGISTRY",
        ),
    ),
    label_window_s=LABEL_DAYS * 86_400.0,
)
