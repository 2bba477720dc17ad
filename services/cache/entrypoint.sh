#!/bin/sh
# Runs Redis in memory only, with the entries library loaded before it is reported healthy.
# Environment: WORLD (whose services are its users: WORLD/users.conf beside this file), REDIS_PASSWORD (the lab's),
# REDIS_COLLECTOR_PASSWORD and those of the world's users (needed), CACHE_TTL_S, REDIS_PORT.
set -eu
: "${WORLD:?set WORLD}" "${REDIS_PASSWORD:?set REDIS_PASSWORD}"
: "${REDIS_COLLECTOR_PASSWORD:?set REDIS_COLLECTOR_PASSWORD}"
: "${CACHE_TTL_S:=25}" "${REDIS_PORT:=6379}"
# A variable that is not set ends it here, by its name.
users=$(grep '^user ' "$(dirname "$0")/$WORLD/users.conf" | while read -r line; do eval "echo \"$line\""; done)
# Its parent ends at once, so that the init reaps it: Redis waits for no children but its own.
(
    (
        export REDISCLI_AUTH="$REDIS_PASSWORD"
        until redis-cli -p "$REDIS_PORT" ping 2>/dev/null | grep -q PONG; do sleep 0.1; done
        # It replaces none: in the middle of a run the lab may have been quicker with the run's.
        sed -e "s/@POLICY@/$CACHE_TTL_S, 1, 0, 0, {}/" "$(dirname "$0")/entries.lua" |
            redis-cli -p "$REDIS_PORT" -x function load >/dev/null
    ) &
)
# The configuration comes by a pipe, so that passwords are in no process list. A service may call what it needs: the
# functions it calls run with its own rights, so that it can neither load a policy, nor read or apply the one in force.
exec redis-server - <<CONF
port $REDIS_PORT
bind * -::*
requirepass $REDIS_PASSWORD
$users
user collector on >$REDIS_COLLECTOR_PASSWORD -@all +ping +info +config|resetstat +multi +exec
save ""
appendonly no
maxmemory ${CACHE_MAXMEMORY:-48mb}
maxmemory-policy volatile-ttl
latency-tracking-info-percentiles 50 95
CONF
