"""What recordings have of fraud decisions: tables, metrics, log events and files of reference."""

from __future__ import annotations

from lab.registration.recorded import Column, Metric, Recorded
from lab.worlds.kit.tables import LOG_EVENTS, METRICS, features_table, predictions_table, reference_files

RECORDED = Recorded(
    tables=(
        features_table(
            Column("table", "category", "feature table that the row is of: `cards` or `merchants`", level="usual"),
            Column("entity_id", "int", "card or merchant whose row it is, -1 where none came", level="usual"),
        ),
        predictions_table(
            Column("card_id", "int", "card that paid", level="usual"),
            Column("merchant_id", "int", "merchant that was paid", level="usual"),
            when="when the payment was decided",
            score="predicted probability of fraud",
            outcome="1 reported or found to be fraud, 0 not, null while the label window was open at the end",
            delay="time from the decision until it was known to be fraud",
            more=(
                Column("amount_eur", "float", "what was to be paid", level="usual"),
                Column("decision", "category", "approve, review or decline", level="usual"),
            ),
        ),
    ),
    metrics=(
        *METRICS,
        Metric("payment.count", "1", "payments decided"),
        Metric("payment.declined.count", "1", "payments declined"),
        Metric("payment.held.count", "1", "payments held for review"),
        Metric("review.closed.count", "1", "held payments that an analyst decided or that were released unseen"),
        Metric("fraud.loss.eur", "EUR", "amounts charged back of payments that went through, at the chargeback"),
        Metric("fraud.known.count", "1", "payments that became known to be fraud, at that time"),
        Metric("fraud.stopped.count", "1", "those of them that had been declined or held"),
        Metric("payment.flagged.ripe.count", "1", "payments declined or held whose label window closed"),
        Metric("payment.flagged.fraud.count", "1", "those of them that were known to be fraud by then"),
    ),
    log_events=LOG_EVENTS,
    files=reference_files("lab.worlds.kit.shapes:BOOSTED_TREES", "lab.worlds.kit.shapes:boosted_trees_fit"),
)
