"""What worlds with a learned model register alike: the signals of served features and of predictions."""

from __future__ import annotations

from lab.contracts import Boundary
from lab.registration.signals import Limit, Signals, SignalSpec, Witness

FEATURES = Signals(
    of="lab.worlds.kit.features:series",
    catalogue={
        "contract_violation_ratio": SignalSpec(
            "ratio",
            "component",
            "requests for which the component logged a row that breaks the feature contract",
            events=True,
        ),
        "row_age_mean_s": SignalSpec(
            "s", "component", "mean age of database rows served by way of this component", level="usual"
        ),
        "entry_age_p95_s": SignalSpec(
            "s", "component", "95th percentile of the age of cache entries served", level="rich"
        ),
        "entry_mismatch_ratio": SignalSpec(
            "ratio",
            "component",
            "rows served from it that are somebody else's: most columns that no job computes are neither what the"
            " store gave for the same entity before, nor what it gave after",
            level="usual",
        ),
        "feature_drift_psi": SignalSpec(
            "1",
            "column",
            "population stability index of served values (3 to 12 intervals, by load) against the training sample",
            level="usual",
        ),
        "feature_drift_ks": SignalSpec(
            "ratio", "column", "largest distance of the cumulative shares, same windows and deciles", level="usual"
        ),
        "feature_out_of_range_ratio": SignalSpec(
            "ratio",
            "column",
            "rows whose value lies more than a tenth beyond the training sample's lowest or highest",
            level="usual",
        ),
        "feature_null_ratio": SignalSpec("ratio", "column", "rows served with a null in the column", level="usual"),
        "feature_violation_ratio": SignalSpec(
            "ratio",
            "column",
            "rows that broke the feature contract at the column, from logs",
            level="rich",
            events=True,
        ),
    },
)
"""Signals of the table `features` and of the feature contract."""

PREDICTIONS = Signals(
    of="lab.worlds.kit.predictions:series",
    catalogue={
        "prediction_mean": SignalSpec(
            "ratio", "component", "mean score of the predictions that were made", level="usual"
        ),
        "calibration_ratio": SignalSpec(
            "ratio", "component", "share of positive outcomes over mean prediction, 6 intervals", level="usual"
        ),
        "positive_ratio": SignalSpec(
            "ratio", "component", "positive outcomes of those that are known, by time of the prediction", level="usual"
        ),
        "model_auc_deficit": SignalSpec(
            "1",
            "component",
            "AUC of the version serving at the start minus that of the serving one, on the same rows (6 intervals, or "
            "as many as hold 30 positives)",
            level="usual",
        ),
        "model_score_ratio": SignalSpec(
            "1",
            "component",
            "mean score of the serving version over that of the version serving at the start, on the same rows "
            "(as many intervals as usually hold 20 positives)",
            level="usual",
        ),
        "model_version": SignalSpec(
            "1", "component", "version that it serves, by its number", level="usual", names=True
        ),
        "rescore_error": SignalSpec(
            "ratio",
            "component",
            "mean distance of logged scores from the registered model's on the same inputs",
            level="usual",
        ),
    },
)
"""Signals of the table `predictions` and of the model registry."""

RULES = "lab.worlds.kit:rules.yaml"
"""Causes, for the reference engine, that both kinds of signals show."""

WITNESSES = {
    "stale-cache": (
        Witness("entry_age_p95_s", "{target}", 2, "periods"),
        Witness("row_age_mean_s", "{target}", 1, "periods"),
    ),
    "feed-stall": (Witness("row_age_mean_s", "*", 1.5, "periods"),),
    "schema-corruption": (
        Witness("feature_violation_ratio", "{column}", 0.01),
        Witness("contract_violation_ratio", "*", 0.01),
        Witness("feature_drift_psi", "{column}", 0.1),
        Witness("feature_out_of_range_ratio", "{column}", 0.03),
        Witness("feature_null_ratio", "{column}", 0.02),
    ),
    "model-regression": (
        Witness("model_auc_deficit", "{target}", 0.03),
        Witness("calibration_ratio", "{target}", 0.3),
        Witness("model_score_ratio", "{target}", 0.15),
    ),
}
"""By which of these signals faults show, beside those that every system has."""

_SCHEMA, _MODEL, _AGE = "schema-corruption", "model-regression", "stale-cache"
LIMITS = (
    Limit(1, "contract_violation_ratio", 0.03, _SCHEMA, Boundary.DATA, blames_store=True),
    Limit(1, "feature_violation_ratio", 0.03, _SCHEMA, Boundary.DATA, blames_store=True),
    Limit(1, "feature_null_ratio", 0.04, _SCHEMA, Boundary.DATA, blames_store=True),
    Limit(6, "feature_out_of_range_ratio", 0.06, _SCHEMA, Boundary.DATA, blames_store=True),
    Limit(7, "model_score_ratio", -0.2, _MODEL, Boundary.MODEL),
    Limit(7, "model_score_ratio", 0.25, _MODEL, Boundary.MODEL),
    Limit(7, "model_auc_deficit", 0.04, _MODEL, Boundary.MODEL),
    Limit(8, "entry_age_p95_s", 1.0, _AGE, Boundary.INTEGRATION, unit="periods"),
    Limit(8, "row_age_mean_s", 1.2, _AGE, Boundary.INTEGRATION, unit="periods", of=("cache",)),
    Limit(8, "row_age_mean_s", 1.2, "feed-stall", Boundary.DATA, unit="periods", of=("job",)),
    Limit(8, "entry_mismatch_ratio", 0.05, "cache-key-collision", Boundary.INTEGRATION),
    Limit(9, "feature_drift_psi", 0.5, _SCHEMA, Boundary.DATA, blames_store=True),
)
"""How far these signals may go before the floor `naive-thresholds` blames what they speak of."""
