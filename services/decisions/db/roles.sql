-- Who may do what. The lab's role `lab` owns everything; a service has a role of its own with what it needs, and no
-- file of the server, no other database, no table of its own. Applied at every start, after schema.sql.
\getenv features_password DB_FEATURES_PASSWORD
\getenv aggregator_password DB_AGGREGATOR_PASSWORD
\getenv load_password DB_LOAD_PASSWORD

SELECT format('CREATE ROLE %I', name) FROM unnest(ARRAY['features', 'aggregator', 'load']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE features LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'features_password';
ALTER ROLE aggregator LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
    PASSWORD :'aggregator_password';
ALTER ROLE load LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'load_password';

REVOKE ALL ON DATABASE postgres, template1, :"DBNAME" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"DBNAME" TO features, aggregator, load;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO features, aggregator, load;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, features, aggregator, load;

GRANT SELECT ON cards, merchants TO features;

GRANT SELECT ON cards, merchants TO aggregator;
GRANT SELECT, INSERT, UPDATE, TRUNCATE ON cards_base, merchants_base, aggregates_state, aggregates_watermark
    TO aggregator;
GRANT SELECT, UPDATE, TRUNCATE ON payments, chargebacks TO aggregator;
GRANT INSERT ON chargebacks TO aggregator; -- of what was paid before a run

GRANT INSERT (payment_id, card_id, merchant_id, amount_eur, decision, decided_at) ON payments TO load;
GRANT INSERT (payment_id, merchant_id, reported_at) ON chargebacks TO load;

-- ANALYZE wants the owner: after the aggregator has filled the tables anew, the planner must not work with the old figures.
CREATE OR REPLACE FUNCTION refresh_statistics() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    ANALYZE public.cards_base, public.merchants_base;
END $$;
REVOKE ALL ON FUNCTION refresh_statistics() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refresh_statistics() TO aggregator;

-- How a view is made tells what the lab has changed in it. Its readers see columns and values.
REVOKE SELECT ON pg_rewrite FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION pg_get_viewdef(oid), pg_get_viewdef(oid, boolean), pg_get_viewdef(oid, integer),
    pg_get_viewdef(text), pg_get_viewdef(text, boolean), pg_get_ruledef(oid), pg_get_ruledef(oid, boolean) FROM PUBLIC;
