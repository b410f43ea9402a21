#!/usr/bin/env bash
# Brings the whole of docker-compose.yml up on a real engine, tries it as people would, and takes it down again.
# Installs the engine and makes stand-ins of upstream's images when there are none (README.md). Needs root and the
# development environment (make .venv/.dev). What it found is printed as it goes.
#
#   infra/ci/prove.sh [STEP...]      all steps by default:
#       up smoke pages replay memory disk scale roll kill down     `down` always runs at the end; KEEP=1: only when asked
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
: "${ENGINE_DIR:=/var/lib/ci-engine}" "${KEEP:=}" "${COMPOSE_ANSI:=never}" "${COMPOSE_PROGRESS:=plain}"
export ENGINE_DIR COMPOSE_ANSI COMPOSE_PROGRESS
store=("$root/.venv/bin/store")
base=http://localhost
steps=(up smoke pages replay memory disk scale roll kill)

step() { printf '\n%(%T)T == %s\n' -1 "$*"; }
compose() { (cd "$root/infra" && docker-compose -f docker-compose.yml -f docker-compose.ci.yml "$@"); }
loaded() { (cd "$root/infra" && docker-compose -f docker-compose.yml -f docker-compose.ci.yml -f docker-compose.load.yml "$@"); }
ours() { docker "$1" ls -q --filter label=com.docker.compose.project=product-store "${@:2}"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

finish() {
    local rc=$?
    if [ $rc -ne 0 ]; then
        compose ps -a || true
        compose logs --tail 40 || true
    fi
    [ -n "$KEEP" ] || down || rc=1
    exit $rc
}

admin() { # STORE_ADMIN_EMAIL and _PASSWORD of the demo, as the scripts read them
    local file
    file=$(compose exec -T user python -c 'print(open("/run/admin/demo_admin.json").read())')
    STORE_ADMIN_EMAIL=$(python3 -c 'import json,sys; print(json.loads(sys.argv[1])["email"])' "$file")
    STORE_ADMIN_PASSWORD=$(python3 -c 'import json,sys; print(json.loads(sys.argv[1])["password"])' "$file")
    export STORE_ADMIN_EMAIL STORE_ADMIN_PASSWORD
}

up() {
    compose config --quiet
    step build
    compose build --quiet
    step up
    local begun=$SECONDS
    compose up -d --wait --wait-timeout 300
    echo "up and healthy after $((SECONDS - begun)) s"
    compose ps -a --format 'table {{.Service}}\t{{.Status}}'
    local sick
    sick=$(compose ps --format '{{.Service}} {{.State}} {{.Health}}' | awk '$2 != "running" || ($3 != "" && $3 != "healthy")')
    [ -z "$sick" ] || fail "not healthy: $sick"
}

smoke() { "$root/test_all_microservices.sh" "$base"; }

pages() { # every address of the documentation answers
    local url
    for url in $base/swagger/ $base/docs/ $base/openapi.json $base/api/system/health \
        http://localhost:9090/-/ready http://localhost:9093/-/ready http://localhost:3000/api/health http://localhost:8089/; do
        printf '%s %s\n' "$(curl -sS -o /dev/null -m 10 -w '%{http_code}' "$url")" "$url"
    done | tee /dev/stderr | awk '$1 != 200 {exit 1}' || fail "a page does not answer"
    "$root/.venv/bin/python" "$here/targets.py" http://localhost:9090
}

replay() { # a real shop's first 500 invoices, then the books
    admin
    loaded up -d --wait --wait-timeout 60 nginx >/dev/null
    "${store[@]}" replay online-retail --limit 500 --base-url "$base"
    "${store[@]}" audit --base-url "$base"
}

memory() { # MiB of each container, the sum, and the sum of the limits
    docker stats --no-stream --format '{{.Name}} {{.MemUsage}}' | sort | awk '
        function mib(s) { return s ~ /GiB/ ? s * 1024 : s ~ /MiB/ ? s + 0 : s ~ /KiB/ ? s / 1024 : s / 1048576 }
        {printf "%8.1f of %6.0f MiB  %s\n", mib($2), mib($4), $1; used += mib($2); limit += mib($4)}
        END {printf "%8.1f of %6.0f MiB  together\n", used, limit; exit limit > 4096}' || fail "limits above 4 GiB"
}

disk() { # MB of the images that the services use, layers once, and of volumes
    compose images --format json | "$root/.venv/bin/python" "$here/disk.py"
}

down() {
    step down
    compose --profile '*' down -v --remove-orphans --timeout 30
    [ -z "$(ours container -a)$(ours volume)$(ours network)" ] || fail "something is left after down -v"
    echo "down -v left nothing"
}

DOCKER_HOST=$("$here/install-engine.sh" start)
export DOCKER_HOST
step stand-ins
"$here/make-standins.sh"
trap finish EXIT
[ $# -eq 0 ] || steps=("$@")
for name in "${steps[@]}"; do
    step "$name"
    "$name"
done
