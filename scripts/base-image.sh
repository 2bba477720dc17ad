#!/bin/sh
# Builds the base image of all services from Debian's packages, for machines that reach no image registry:
#   scripts/base-image.sh [TAG]     (default chaos-lab-base:bookworm; then set LAB_BASE_IMAGE=TAG in .env)
# What this machine needs to reach apt and pip goes along: its CA bundle, apt's proxies and checks, pip's index.
# Environment: LAB_APT_MIRROR, LAB_CA_BUNDLE, PIP_INDEX_URL, PIP_TRUSTED_HOST, LAB_REBUILD=1 (even if the image exists).
set -eu
tag=${1:-chaos-lab-base:bookworm}
ca_bundle=${LAB_CA_BUNDLE:-${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}}

if [ "${LAB_REBUILD:-0}" != 1 ] && docker image inspect "$tag" >/dev/null 2>&1; then
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

apt-config dump --format '%F "%v";%n' |
    grep -E '^Acquire::(Check-|Retries|https?::(.*::)?(Proxy|Verify-))' >"$work/apt.conf" || true

pip_setting() { # NAME VARIABLE'S VALUE
    value=${2:-$(python3 -m pip config get "global.$1" 2>/dev/null || true)}
    [ -z "$value" ] || printf '%s = %s\n' "$1" "$value"
}
{
    echo "[global]"
    pip_setting index-url "${PIP_INDEX_URL:-}"
    pip_setting trusted-host "${PIP_TRUSTED_HOST:-}"
    # Beside the system's own bundle, which an image's package scripts may write anew.
    [ ! -r "$ca_bundle" ] || echo "cert = /etc/ssl/host-ca.crt"
} >"$work/pip.conf"

# As Debian's own container images have it: no package files, caches or translations stay in a layer.
cat >"$work/small.conf" <<'CONF'
Acquire::Languages "none";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin"; };
CONF

set -- --customize-hook="upload $work/pip.conf /etc/pip.conf" \
    --customize-hook="upload $work/small.conf /etc/apt/apt.conf.d/small"
if [ -r "$ca_bundle" ]; then
    install -m 644 "$ca_bundle" "$work/host-ca.crt"
    set -- "$@" --customize-hook="upload $work/host-ca.crt /etc/ssl/host-ca.crt"
fi
# No documentation either, in this image nor in those built on it; dpkg's fsyncs protect nothing in a build. A system that
# is born with a merged /usr needs no Perl to merge it.
mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,ca-certificates,tzdata,tini,usr-is-merged \
    --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
    --aptopt="$work/apt.conf" --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    "$@" bookworm "$work/base.tar" ${LAB_APT_MIRROR:+"$LAB_APT_MIRROR"} >/dev/null
docker import --change 'CMD ["bash"]' "$work/base.tar" "$tag" >/dev/null
