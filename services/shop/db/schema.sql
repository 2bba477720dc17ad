-- The shop's tables. Feature code reads `users`, a view, so that a column can change for its readers and back
-- without losing what is written meanwhile (lab/testbeds/stack/views.py). Applied at every start.
CREATE TABLE IF NOT EXISTS users_base (
    user_id integer PRIMARY KEY,
    age_years integer,
    account_age_days integer,
    avg_order_value_eur double precision,
    orders_90d_count integer,
    discount_share_ratio double precision,
    returns_ratio double precision,
    views_recent_count double precision,
    recent_price_eur double precision,
    interest_electronics_ratio double precision,
    interest_fashion_ratio double precision,
    interest_home_ratio double precision,
    interest_sports_ratio double precision,
    interest_beauty_ratio double precision,
    interest_toys_ratio double precision,
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 45); -- the feed rewrites every row each period: room for in-page updates

CREATE TABLE IF NOT EXISTS items (
    item_id integer PRIMARY KEY,
    category integer NOT NULL,
    price_eur double precision NOT NULL,
    weight_g double precision NOT NULL,
    rating_stars double precision NOT NULL,
    reviews_count integer NOT NULL,
    stock_count integer NOT NULL,
    margin_ratio double precision NOT NULL,
    listed_days integer NOT NULL,
    return_ratio double precision NOT NULL,
    discount_ratio double precision NOT NULL,
    shipping_days double precision NOT NULL,
    min_age_years integer NOT NULL,
    popularity_ratio double precision NOT NULL
);

CREATE TABLE IF NOT EXISTS events (
    event_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('view', 'click')),
    category integer NOT NULL,
    log_price_eur double precision NOT NULL,
    is_aggregated boolean NOT NULL DEFAULT false,
    occurred_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS events_new ON events (event_id) WHERE NOT is_aggregated;

-- The feed's own: decayed counts by user, from which its feature columns follow.
CREATE TABLE IF NOT EXISTS feed_state (
    user_id integer PRIMARY KEY,
    counts double precision[] NOT NULL,
    price_sum double precision NOT NULL,
    price_weight double precision NOT NULL,
    views_recent_count double precision NOT NULL,
    recent_price_eur double precision NOT NULL,
    interest_ratios double precision[] NOT NULL
);
CREATE TABLE IF NOT EXISTS feed_watermark (aggregated_at timestamptz NOT NULL);

DO $$ BEGIN
    IF to_regclass('users') IS NULL THEN
        CREATE VIEW users AS SELECT * FROM users_base;
    END IF;
END $$;
