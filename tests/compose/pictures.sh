#!/usr/bin/env bash
# Looks at the shop's pages by a headless browser (Chromium: apt install chromium) and keeps pictures of them.
# Fails when a page is not drawn, or when the content policy forbids it something.
#   tests/compose/pictures.sh FOLDER [BASE_URL]
set -euo pipefail
folder=$1 base=${2:-http://localhost}
command -v chromium >/dev/null || { echo "Chromium is needed and was not found (apt install chromium)." >&2; exit 2; }
mkdir -p "$folder"
for page in swagger=$base/swagger/ docs=$base/docs/ problems=$base/docs/problems/ locust=http://localhost:8089/ prometheus=http://localhost:9090/targets; do
    picture=$folder/${page%%=*}.png
    said=$(timeout 60 chromium --headless --no-sandbox --disable-gpu --window-size=1280,900 --virtual-time-budget=8000 \
        --enable-logging=stderr --v=0 --screenshot="$picture" "${page#*=}" 2>&1) || true
    [ -s "$picture" ] || { echo "no picture of ${page#*=}: $said" >&2; exit 1; }
    if grep -F 'Content Security Policy' <<<"$said" >&2; then exit 1; fi
    echo "$(stat -c %s "$picture") bytes: $picture"
done
