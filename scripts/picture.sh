#!/usr/bin/env bash
# The README's picture: the top of a run's own page, as a browser shows it. Needs Chromium (Debian: apt-get install chromium).
set -euo pipefail
cd "$(dirname "$0")/.."
scenario=recommender/partition-blamed-on-model
picture=docs/images/report.png

browser=${LAB_BROWSER:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
if [ -z "$browser" ]; then
    echo "picture: no Chromium was found; install it (Debian: apt-get install chromium) or say LAB_BROWSER=PROGRAM" >&2
    exit 2
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
.venv/bin/lab run "$scenario" --engine rules --runs-dir "$work/runs" --quiet
page=$(echo "$work"/runs/*/*/report.html)
# A browser does not start in its sandbox as root.
sandbox=()
if [ "$(id -u)" = 0 ]; then sandbox=(--no-sandbox); fi
"$browser" --headless "${sandbox[@]}" --hide-scrollbars --force-device-scale-factor=1 --window-size=1000,930 \
    --user-data-dir="$work/profile" --screenshot="$work/report.png" "file://$page" 2>"$work/browser.log" || {
    cat "$work/browser.log" >&2
    exit 1
}
mkdir -p "$(dirname "$picture")"
mv "$work/report.png" "$picture"
echo "$picture: $(stat -c %s "$picture") bytes"
