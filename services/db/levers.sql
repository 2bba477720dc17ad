-- The lab's own, out of the services' sight. Applied at every start.
CREATE SCHEMA IF NOT EXISTS levers;
-- What views are changed to, by name.
CREATE TABLE IF NOT EXISTS levers.views (name text PRIMARY KEY, state jsonb NOT NULL);
-- What features were multiplied by in the rows of a relation, and which file held them then: filled anew they have another.
CREATE TABLE IF NOT EXISTS levers.shifted (
    feature text PRIMARY KEY,
    factor double precision NOT NULL,
    relation text NOT NULL,
    filenode oid NOT NULL
);
