-- The tables of payments. Feature code reads `cards` and `merchants`, views, so that a column can change for its readers and
-- back without losing what is written meanwhile (lab/testbeds/stack/views.py). Applied at every start.
CREATE TABLE IF NOT EXISTS cards_base (
    card_id integer PRIMARY KEY,
    card_age_days integer,
    home_country integer,
    device integer,
    usual_amount_eur double precision,
    foreign_ratio double precision,
    payments_12h_count double precision,
    spent_48h_eur double precision,
    declines_48h_count double precision,
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 45); -- the aggregator rewrites every row each period: room for in-page updates

CREATE TABLE IF NOT EXISTS merchants_base (
    merchant_id integer PRIMARY KEY,
    merchant_age_days integer,
    average_amount_eur double precision,
    payments_24h_count double precision,
    decline_ratio double precision,
    fraud_ratio double precision,
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 45);

-- The bank's book: payments as they were decided, and what cardholders said later that they had not paid.
CREATE TABLE IF NOT EXISTS payments (
    payment_id text NOT NULL,
    card_id integer NOT NULL,
    merchant_id integer NOT NULL,
    amount_eur double precision NOT NULL,
    decision text NOT NULL CHECK (decision IN ('approve', 'review', 'decline')),
    is_aggregated boolean NOT NULL DEFAULT false,
    decided_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS payments_new ON payments (decided_at) WHERE NOT is_aggregated;

CREATE TABLE IF NOT EXISTS chargebacks (
    payment_id text NOT NULL,
    merchant_id integer NOT NULL,
    is_aggregated boolean NOT NULL DEFAULT false,
    reported_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS chargebacks_new ON chargebacks (reported_at) WHERE NOT is_aggregated;

-- The aggregator's own: decayed sums of each card and each merchant, and the feature columns that follow from them, in
-- the order of the table.
CREATE TABLE IF NOT EXISTS aggregates_state (
    kind text NOT NULL CHECK (kind IN ('card', 'merchant')),
    entity_id integer NOT NULL,
    sums double precision[] NOT NULL,
    features double precision[] NOT NULL,
    PRIMARY KEY (kind, entity_id)
);
CREATE TABLE IF NOT EXISTS aggregates_watermark (aggregated_at timestamptz NOT NULL);

DO $$ BEGIN
    IF to_regclass('cards') IS NULL THEN
        CREATE VIEW cards AS SELECT * FROM cards_base;
    END IF;
    IF to_regclass('merchants') IS NULL THEN
        CREATE VIEW merchants AS SELECT * FROM merchants_base;
    END IF;
END $$;
