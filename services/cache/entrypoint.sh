#!/bin/sh
# Runs Redis in memory only, with the entries library loaded before it is reported healthy.
# Environment: REDIS_PASSWORD (needed), CACHE_TTL_MS, REDIS_PORT.
set -eu
: "${REDIS_PASSWORD:?set REDIS_PASSWORD}" "${CACHE_TTL_MS:=25000}" "${REDIS_PORT:=6379}"
(
    export REDISCLI_AUTH="$REDIS_PASSWORD"
    until redis-cli -p "$REDIS_PORT" ping 2>/dev/null | grep -q PONG; do sleep 0.1; done
    sed -e "s/@TTL_MS@/$CACHE_TTL_MS/" -e "s/@FROZEN_SHARE@/0/" "$(dirname "$0")/entries.lua" |
        redis-cli -p "$REDIS_PORT" -x function load replace >/dev/null
) &
# The configuration comes by a pipe, so that the password is in no process list.
exec redis-server - <<CONF
port $REDIS_PORT
bind * -::*
requirepass $REDIS_PASSWORD
save ""
appendonly no
maxmemory ${CACHE_MAXMEMORY:-48mb}
maxmemory-policy volatile-ttl
latency-tracking-info-percentiles 50 95
CONF
