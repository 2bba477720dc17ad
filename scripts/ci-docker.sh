#!/bin/sh
# Docker on a machine that has none: `ci-docker.sh start` installs what is missing (Debian, as root) and runs the engine
# unless one answers already; `ci-docker.sh stop` ends the engine that `start` began, and no other.
# Environment: LAB_DOCKER_STATE (pid and log, default /run/chaos-lab), LAB_DOCKER_ROOT (images; default dockerd's own).
# shellcheck disable=SC2086  # $packages is a list
set -eu
state=${LAB_DOCKER_STATE:-/run/chaos-lab}
pid_file=$state/dockerd.pid
log_file=$state/dockerd.log
START_S=180
STOP_S=30

answers() {
    docker version >/dev/null 2>&1
}

# Is the pid that was remembered still that of an engine, and not of a process that got the number later?
own_engine() {
    [ -s "$pid_file" ] && [ "$(cat "/proc/$(cat "$pid_file")/comm" 2>/dev/null)" = dockerd ]
}

install_missing() {
    packages=
    command -v dockerd >/dev/null || packages="docker.io"
    command -v docker-compose >/dev/null || docker compose version >/dev/null 2>&1 || packages="$packages docker-compose"
    command -v mmdebstrap >/dev/null || packages="$packages mmdebstrap"
    command -v iptables >/dev/null || packages="$packages iptables"
    [ -n "$packages" ] || return 0
    echo "installing what Docker needs:" $packages >&2
    apt-get -qq update
    # RUNLEVEL: without a running init, the package's script must not start an engine that nobody would own.
    DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get -qq install --yes --no-install-recommends $packages >"$state/apt.log" 2>&1 || {
        tail -n 20 "$state/apt.log" >&2
        exit 1
    }
}

await_answer() {
    waited=0
    until answers; do
        if ! kill -0 "$(cat "$pid_file")" 2>/dev/null || [ "$waited" -ge $((START_S * 5)) ]; then
            echo "the Docker engine did not start; the end of $log_file:" >&2
            tail -n 20 "$log_file" >&2
            exit 1
        fi
        sleep 0.2
        waited=$((waited + 1))
    done
}

start() {
    mkdir -p "$state"
    install_missing
    answers && return 0
    if ! own_engine; then
        rm -f "$state/docker.pid" # of an engine that was killed: its number may be another process's by now
        # Its own session: a Ctrl-C at the terminal is meant for the lab, not for the engine.
        setsid dockerd --pidfile "$state/docker.pid" ${LAB_DOCKER_ROOT:+--data-root "$LAB_DOCKER_ROOT"} \
            >"$log_file" 2>&1 </dev/null &
        echo $! >"$pid_file"
    fi
    await_answer
    echo "Docker engine $(docker version --format '{{.Server.Version}}') runs, pid $(cat "$pid_file")" >&2
}

stop() {
    if own_engine; then
        # Layers without a name speed the next build up, for a while.
        docker image prune --force --filter until=336h >/dev/null 2>&1 || true
        pid=$(cat "$pid_file")
        kill "$pid"
        waited=0
        while own_engine; do
            if [ "$waited" -ge $((STOP_S * 5)) ]; then
                echo "the Docker engine (pid $pid) does not end" >&2
                exit 1
            fi
            sleep 0.2
            waited=$((waited + 1))
        done
    fi
    rm -f "$pid_file"
}

case ${1:-} in
start) start ;;
stop) stop ;;
*)
    echo "usage: $0 start|stop" >&2
    exit 2
    ;;
esac
