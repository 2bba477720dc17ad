"""What recordings of any world with a learned model have: tables, metrics, log events and files of reference."""

from __future__ import annotations

from lab.registration.recorded import (
    FROM_THE_START,
    RIPE,
    Column,
    File,
    LogEvent,
    Metric,
    Table,
    Visible,
    sample_weight,
)

PUBLISHED = Visible(
    "each version when it was published: when it, or a later one, was first seen loaded, measured or answering",
    entries="lab.worlds.kit.versions:published",
)


def features_table(*entities: Column) -> Table:
    """The table `features`: a row for each row of features that was assembled. `entities`: columns that say whose."""
    return Table(
        "features",
        (
            Column("time_s", "float", "when the features were assembled from the row", level="usual"),
            Column("trace_id", "category", "request", level="usual"),
            *entities,
            Column("source", "category", "component the row came from, `default` where none came", level="usual"),
            Column("row_age_s", "float", "age of the database row when served", null=True, level="usual"),
            Column("entry_age_s", "float", "age of the cache entry when served", null=True, level="rich"),
            Column(
                "feature.*",
                "float",
                "value of each feature as read; null for SQL NULL or no row",
                null=True,
                level="usual",
            ),
            sample_weight("usual"),
        ),
    )


def predictions_table(
    *subjects: Column,
    when: str,
    score: str,
    outcome: str,
    delay: str,
    ripe: Visible = RIPE,
    more: tuple[Column, ...] = (),
) -> Table:
    """The table `predictions`: a row for each score that somebody was served by, with what came of it.

    `subjects`: columns that say of what. The words tell what `time_s`, `score`, `outcome` and `label_delay_s` are;
    `ripe`: when the last two can be seen. `more`: further columns, before the inputs.
    """
    return Table(
        "predictions",
        (
            Column("time_s", "float", when, level="usual"),
            Column("trace_id", "category", "request", level="usual"),
            Column("service.name", "category", "component that made the prediction", level="usual"),
            *subjects,
            Column("model_version", "int", "version that scored it, 0 for none (fallback)", level="usual"),
            Column("score", "float", score, null=True, level="usual"),
            Column("outcome", "float", outcome, null=True, level="usual", visible=ripe),
            Column("label_delay_s", "float", delay, null=True, level="usual", visible=ripe),
            *more,
            Column(
                "input.*", "float", "the model's inputs, logged for a sample of the requests", null=True, level="usual"
            ),
            sample_weight("usual"),
        ),
    )


METRICS = (
    Metric("model.version", "1", "version that is served; that of a canary beside it as `canary`", level="usual"),
)

LOG_EVENTS = (
    LogEvent(
        "feature_contract_violation",
        "a row could not be read as features; `subject` is the column",
        level="rich",
        plain="feature row violates its contract",
    ),
    LogEvent("version_loaded", "the model server serves another version"),
)


def reference_files(models: str, check: str = "") -> tuple[File, ...]:
    """The files of `reference/`. `models`: the shape of the registry's entries, `check`: what they must fulfil."""
    contract = "the schema contract of the features"
    sample = "rows that the first model version was trained on"
    registry = "the model registry: parameters and validation of each version"
    return (
        File("reference/contract.json", contract, FROM_THE_START, shape="lab.worlds.kit.shapes:CONTRACT"),
        File("reference/training_sample.parquet", sample, FROM_THE_START),
        File("reference/registry.json", registry, PUBLISHED, shape=models, check=check),
    )
