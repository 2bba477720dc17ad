#!/bin/sh
# Makes the cluster on the first start, applies schema and roles, then runs the server in the foreground.
# Environment: WORLD (whose tables and roles: WORLD/schema.sql and roles.sql beside this file), DB_NAME,
# DB_ADMIN_PASSWORD and the passwords that the roles name (needed), PGDATA, LOG_DIRECTORY, DB_PORT.
set -eu
: "${WORLD:?set WORLD}" "${DB_NAME:?set DB_NAME}" "${DB_ADMIN_PASSWORD:?set DB_ADMIN_PASSWORD}" "${DB_PORT:=5432}"
admin=lab
here=$(dirname "$0")
passwords=$(sed -n 's/^\\getenv [a-z_]* //p' "$here/$WORLD/roles.sql")
for name in $passwords; do
    eval ": \"\${$name:?set $name}\""
done
PATH="$(ls -d /usr/lib/postgresql/*/bin | tail -n 1):$PATH"

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    # Made beside its place: a first start that is cut short leaves no half of a cluster there, which would never start.
    rm -rf "$PGDATA.new"
    # The password reaches initdb by a pipe: not by the process list, nor by a file that stays.
    printf '%s\n' "$DB_ADMIN_PASSWORD" | initdb --username="$admin" --auth=scram-sha-256 --pwfile=/dev/stdin \
        --encoding=UTF8 --locale=C --pgdata="$PGDATA.new" >/dev/null
    echo "host all all all scram-sha-256" >>"$PGDATA.new/pg_hba.conf"
    [ ! -d "$PGDATA" ] || rmdir "$PGDATA"
    mv "$PGDATA.new" "$PGDATA"
fi
cp "$here/postgresql.conf" "$PGDATA/postgresql.conf"
printf "log_directory = '%s'\n" "$LOG_DIRECTORY" >>"$PGDATA/postgresql.conf"

# Both are applied before anyone can connect from outside, and passwords of roles are in no statement log.
export PGPASSWORD="$DB_ADMIN_PASSWORD" PGUSER="$admin" PGHOST=/tmp PGPORT="$DB_PORT"
export PGOPTIONS="-c client_min_messages=warning"
quiet="-c log_min_duration_statement=-1 -c log_min_error_statement=panic"
pg_ctl start --wait --silent --pgdata="$PGDATA" --options="-c listen_addresses= -p $DB_PORT $quiet" >/dev/null
if ! psql --quiet --no-psqlrc --dbname=postgres --command="SELECT 1" >/dev/null 2>&1; then
    pg_ctl stop --wait --silent --mode=fast --pgdata="$PGDATA" >/dev/null
    echo "the data in $PGDATA was made by an earlier version, or with other passwords than those of .env: the role" \
        "'$admin' cannot log in. It is generated data. Delete it: lab stack down --volumes" >&2
    exit 1
fi
psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --dbname=postgres <<SQL
SELECT 'CREATE DATABASE "$DB_NAME"' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '$DB_NAME') \gexec
SQL
psql --quiet --no-psqlrc --set=ON_ERROR_STOP=1 --dbname="$DB_NAME" --single-transaction \
    --file="$here/levers.sql" --file="$here/$WORLD/schema.sql" --file="$here/$WORLD/roles.sql"
pg_ctl stop --wait --silent --mode=fast --pgdata="$PGDATA" >/dev/null
# shellcheck disable=SC2086
unset PGPASSWORD PGOPTIONS DB_ADMIN_PASSWORD $passwords
exec postgres -D "$PGDATA" -p "$DB_PORT"
