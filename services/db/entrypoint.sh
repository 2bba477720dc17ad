#!/bin/sh
# Makes the cluster on the first start, applies the schema, then runs the server in the foreground.
# Environment: DB_PASSWORD (needed), DB_USER, DB_NAME, PGDATA, LOG_DIRECTORY, DB_PORT.
set -eu
: "${DB_PASSWORD:?set DB_PASSWORD}"
: "${DB_USER:=recommender}" "${DB_NAME:=recommender}" "${DB_PORT:=5432}"
here=$(dirname "$0")
PATH="$(ls -d /usr/lib/postgresql/*/bin | tail -n 1):$PATH"

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    # The password reaches initdb by a pipe: not by the process list, nor by a file that stays.
    printf '%s\n' "$DB_PASSWORD" | initdb --username="$DB_USER" --auth=scram-sha-256 --pwfile=/dev/stdin \
        --encoding=UTF8 --locale=C --pgdata="$PGDATA" >/dev/null
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
fi
cp "$here/postgresql.conf" "$PGDATA/postgresql.conf"
printf "log_directory = '%s'\n" "$LOG_DIRECTORY" >>"$PGDATA/postgresql.conf"

# The schema is applied before anyone can connect from outside.
export PGPASSWORD="$DB_PASSWORD" PGUSER="$DB_USER" PGHOST=/tmp PGPORT="$DB_PORT"
pg_ctl start --wait --silent --pgdata="$PGDATA" --options="-c listen_addresses= -p $DB_PORT" >/dev/null
psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --dbname=postgres <<SQL
SELECT 'CREATE DATABASE "$DB_NAME"' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '$DB_NAME') \gexec
SQL
psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --dbname="$DB_NAME" --file="$here/schema.sql" 2>/dev/null
pg_ctl stop --wait --silent --mode=fast --pgdata="$PGDATA" >/dev/null
unset PGPASSWORD DB_PASSWORD
exec postgres -D "$PGDATA" -p "$DB_PORT"
