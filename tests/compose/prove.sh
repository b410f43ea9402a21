#!/usr/bin/env bash
# Brings the whole of docker-compose.yml up on a real engine, tries it as people would, and takes it down again.
# Installs the engine and makes stand-ins of upstream's images when there are none (README.md). Needs root and the
# development environment (make .venv/.dev). What it found is printed as it goes.
#
#   tests/compose/prove.sh [STEP...]      all steps by default:
#       up panels smoke pages memory replay crowd disk scale roll killing move edge, and `down` whatever came of them (KEEP=1: only when named)
#   tests/compose/prove.sh nodes          instead: with docker-compose.nodes.yml, one of the three nodes killed (about ten minutes)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
: "${ENGINE_DIR:=/var/lib/ci-engine}" "${KEEP:=}" "${COMPOSE_ANSI:=never}" "${COMPOSE_PROGRESS:=plain}"
export ENGINE_DIR COMPOSE_ANSI COMPOSE_PROGRESS
store=("$root/.venv/bin/store")
python=$root/.venv/bin/python
said=$(mktemp)
base=http://localhost
steps=(up panels smoke pages memory replay crowd disk scale roll killing move edge)

step() { printf '\n%(%T)T == %s\n' -1 "$*"; }
files=(-f docker-compose.yml)
compose() { (cd "$root/infra" && docker-compose "${files[@]}" "$@"); }
loaded() { compose -f docker-compose.load.yml "$@"; }
ours() { docker "$1" ls -q --filter label=com.docker.compose.project=product-store "${@:2}"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

finish() {
    local rc=$?
    if [ $rc -ne 0 ]; then
        compose ps -a || true
        compose logs --tail 8 || true
    fi
    rm -f "$said"
    [ -n "$KEEP" ] || down || rc=1
    [ -n "$KEEP$ran" ] || "$here/install-engine.sh" stop || rc=1
    exit $rc
}

admin() { # STORE_ADMIN_EMAIL and _PASSWORD of the demo, as `store` reads them
    local file
    file=$(compose exec -T user python -c 'print(open("/run/admin/demo_admin.json").read())')
    STORE_ADMIN_EMAIL=$(python3 -c 'import json,sys; print(json.loads(sys.argv[1])["email"])' "$file")
    STORE_ADMIN_PASSWORD=$(python3 -c 'import json,sys; print(json.loads(sys.argv[1])["password"])' "$file")
    export STORE_ADMIN_EMAIL STORE_ADMIN_PASSWORD
}

up() { # [SECONDS] that it may take
    compose config --quiet
    step build
    compose build --quiet
    step up
    local begun=$SECONDS
    compose up -d --wait --wait-timeout "${1:-300}"
    echo "up and healthy after $((SECONDS - begun)) s"
    compose ps -a --format 'table {{.Service}}\t{{.Status}}'
    local sick
    sick=$(compose ps --format '{{.Service}} {{.State}} {{.Health}}' | awk '$2 != "running" || ($3 != "" && $3 != "healthy")')
    [ -z "$sick" ] || fail "not healthy: $sick"
    docker logs product-store-cassandra-1 2>&1 | grep 'Startup complete' >/dev/null || fail "Cassandra's log ends before its start does"
}

panels() { # every panel of every dashboard has data within a minute, with the background traffic that the docs advise
    local rate
    # A rate misses what was counted before the first scrape, and a small first order takes a few seconds.
    "$python" "$here/targets.py" http://localhost:9090
    compose --profile load up -d --no-deps traffic
    (cd "$root" && "$python" -m tests.compose.panels http://localhost:9090)
    sleep 60  # the rate is that of a minute, and without the first customers' sign-up
    rate=$(curl -sS 'http://localhost:9090/api/v1/query?query=shop:db_operations:rate1m' |
        python3 -c 'import json,sys; print(json.load(sys.stdin)["data"]["result"][0]["value"][1])')
    printf 'the background traffic makes %.0f database operations/s\n' "$rate"
    [ "${rate%.*}" -lt 50 ] || fail "DatabaseHighRPS promises less than 50"
    compose --profile load rm -sf traffic
}

smoke() { "$root/test_all_microservices.sh" "$base"; }

pages() { # every address of the documentation answers, and Prometheus reaches whatever it watches
    local url status bad=0
    for url in $base/swagger/ $base/docs/ $base/openapi.json $base/api/system/health \
        http://localhost:9090/-/ready http://localhost:9093/-/ready http://localhost:3000/api/health http://localhost:8089/; do
        status=$(curl -sS -o /dev/null -m 10 -w '%{http_code}' "$url") || status=000
        echo "$status $url"
        [ "$status" = 200 ] || bad=1
    done
    [ $bad -eq 0 ] || fail "a page does not answer"
    "$python" "$here/targets.py" http://localhost:9090
}

replay() { # a real shop's first 500 invoices, then the books
    loaded up -d --wait --wait-timeout 120 nginx
    admin
    "${store[@]}" replay online-retail --limit 500 --base-url "$base"
    "${store[@]}" audit --base-url "$base"
}

memory() { # MiB of each container, the sum, and the sum of the limits
    docker stats --no-stream --format '{{.Name}} {{.MemUsage}}' | sort | awk '
        function mib(s) { return s ~ /GiB/ ? s * 1024 : s ~ /MiB/ ? s + 0 : s ~ /KiB/ ? s / 1024 : s / 1048576 }
        {printf "%8.1f of %6.0f MiB  %s\n", mib($2), mib($4), $1; used += mib($2); limit += mib($4)}
        END {printf "%8.1f of %6.0f MiB  together\n", used, limit; exit limit > 4096}' || fail "limits above 4 GiB"
}

crowd() { # memory while fifty shoppers shop, and what became of their requests
    loaded up -d --wait --wait-timeout 120 nginx
    TRAFFIC_USERS=50 loaded --profile load up -d --no-deps traffic
    sleep 45
    memory
    loaded --profile load stop traffic
    docker logs product-store-traffic-1 2>&1 | awk '/Aggregated|Traceback/ && n++ < 3'
    loaded --profile load rm -f traffic
}

disk() { # MB of the images that the services use, layers once, and of volumes
    compose images --format json | "$python" "$here/disk.py"
}

two() { # two replicas of each service, behind a gateway that was not told
    local reloads
    loaded up -d --wait --wait-timeout 120 --no-recreate --scale catalog=2 --scale cart=2 --scale order=2 --scale user=2
    reloads=$(docker inspect -f '{{.RestartCount}} {{.State.StartedAt}}' product-store-nginx-1)
    echo "nginx runs since ${reloads#* }, restarted ${reloads%% *} times"
}

scale() { # nginx finds new replicas without a reload: both of each answer
    loaded up -d --wait --wait-timeout 120 nginx
    two
    asking
    local name since=$EPOCHSECONDS
    sleep 6
    answered "scale"
    for name in catalog cart order user; do
        docker logs --since "$since" product-store-nginx-1 2>/dev/null | "$python" "$here/replicas.py" "$name" 2
    done
}

roll() { # each replica restarted, one after the other, at 100 requests/s, writes too: none fails
    local name number
    asking --writes
    for name in catalog cart order user; do
        for number in 1 2; do restarted "product-store-$name-$number"; done
    done
    answered "rolling restart"
}

killing() { # one of two replicas of each service killed under load: nothing that may be repeated fails
    local name
    asking
    for name in catalog cart order user; do
        sleep 2
        docker kill -s KILL "product-store-$name-2" >/dev/null
        echo "killed product-store-$name-2"
        sleep 3
        docker start "product-store-$name-2" >/dev/null
        healthy "product-store-$name-2"
        sleep 3
    done
    answered "killing"
}

move() { # the database gets another address while people shop: every service finds it within 30 s, and the books are right
    local node=product-store-cassandra-1 was now begun
    compose --profile load up -d --no-deps traffic
    sleep 10
    was=$(address $node)
    docker stop -t 60 $node >/dev/null
    squat "$was"
    sleep 12 # longer than drivers need to see that nobody answers
    docker start $node >/dev/null
    healthy $node 120
    begun=$SECONDS now=$(address $node)
    [ "$was" != "$now" ] || fail "Cassandra is at $now again: nothing was shown"
    until [ "$(curl -sS -o /dev/null -m 5 -w '%{http_code}' "$base/api/system/health")" = 200 ]; do
        [ $((SECONDS - begun)) -le 30 ] || fail "the services do not find Cassandra at $now"
        sleep 0.5
    done
    echo "Cassandra moved from $was to $now; every service was ready $((SECONDS - begun)) s after it was"
    leave
    compose --profile load rm -sf traffic
    admin
    "${store[@]}" audit --base-url "$base"
    smoke
}

squat() { # ADDRESS: somebody else has it from now on; the engine gives the lowest that is free
    local name
    for name in product-store-squatter-{1..9}; do
        docker run -d --name "$name" --network product-store_data --entrypoint sleep "product-store/cassandra:${STORE_VERSION:-dev}" 900 >/dev/null
        [ "$(address "$name")" != "$1" ] || return 0
    done
    fail "$1 stayed free"
}

leave() { # what `squat` started
    docker ps -aq --filter name=product-store-squatter | xargs -r docker rm -f >/dev/null
}

edge() { # HTTPS by a certificate, plain HTTP only points there; names of services with a suffix, asked of a real name server
    local tls
    tls=$(mktemp -d)
    (cd "$root" && "$python" -c 'import pathlib,sys; from tests.gateway.certificates import self_sign; self_sign(pathlib.Path(sys.argv[1]), "localhost")' "$tls")
    chmod 755 "$tls" && chown 101 "$tls/tls.key"
    export GATEWAY_NAME_SUFFIX=.product-store_shop STORE_PUBLIC_URL=https://localhost STORE_TLS_DIR=$tls
    compose -f docker-compose.tls.yml up -d --wait --wait-timeout 120 --no-deps nginx
    curl -sS --http2 --cacert "$tls/tls.crt" -o /dev/null -D - https://localhost/api/products | tr -d '\r' | tee "$said"
    grep -qx 'HTTP/2 200 *' "$said" && grep -qix 'strict-transport-security: max-age=31536000' "$said" || fail "no products by HTTPS"
    curl -sS -o /dev/null -w '%{http_code} %{redirect_url}\n' http://localhost/api/products | tee "$said"
    [ "$(cat "$said")" = "308 https://localhost/api/products" ] || fail "plain HTTP does not point to HTTPS"
    compose -f docker-compose.tls.yml run --rm store audit
    unset GATEWAY_NAME_SUFFIX STORE_PUBLIC_URL STORE_TLS_DIR
    compose up -d --wait --wait-timeout 120 --no-deps nginx
    rm -r "$tls"
}

address() { # CONTAINER
    docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$1"
}

nodes() { # three nodes, every row on all of them: one killed, the shop goes on without it, and it comes back
    files+=(-f docker-compose.nodes.yml)
    export STORE_DATABASE='cassandra://cassandra,cassandra-2,cassandra-3/?dc=datacenter1&rf=3'
    up 600
    "$python" "$here/targets.py" http://localhost:9090
    smoke
    docker kill -s KILL product-store-cassandra-3-1 >/dev/null
    echo "killed product-store-cassandra-3-1"
    sleep 10
    smoke
    compose up -d --no-deps --wait --wait-timeout 180 cassandra-3
    "$python" "$here/targets.py" http://localhost:9090
    admin
    "${store[@]}" audit --base-url "$base"
}

restarted() { # CONTAINER; it must end by itself once its requests are answered
    local begun=$EPOCHREALTIME code
    docker stop -t 20 "$1" >/dev/null
    code=$(docker inspect -f '{{.State.ExitCode}}' "$1")
    [ "$code" = 0 ] || fail "$1 ended with $code"
    docker start "$1" >/dev/null
    healthy "$1"
    sleep 3  # until nginx, which looks every second, knows its new address: before, the other one is all there is
    awk -v name="$1" -v begun="$begun" -v now="$EPOCHREALTIME" 'BEGIN {printf "restarted %s: drained, healthy again after %.1f s\n", name, now - begun}'
}

healthy() { # CONTAINER [SECONDS]
    for _ in $(seq $((${2:-60} * 10))); do
        [ "$(docker inspect -f '{{.State.Health.Status}}' "$1")" != healthy ] || return 0
        sleep 0.1
    done
    fail "$1 is not healthy after ${2:-60} s"
}

asking() { # begins to ask at 100 requests/s in the background, and returns when it does; its input's end is its end
    local product
    product=$(curl -sS "$base/api/products?limit=1&in_stock=true" | python3 -c 'import json,sys; print(json.load(sys.stdin)["items"][0]["id"])')
    : >"$said"
    coproc ASKING { exec "$python" "$here/keep_asking.py" "$base" "$product" --rate 100 "$@" >"$said" 2>&1; }
    asker=$ASKING_PID input=${ASKING[1]}  # bash unsets its own once the process has ended
    for _ in $(seq 600); do # its customers register, which takes seconds, or longer when the machine is busy
        ! grep -qx asking "$said" || return 0
        kill -0 "$asker" 2>/dev/null || break
        sleep 0.1
    done
    cat "$said"
    fail "nobody asks"
}

answered() { # WHAT
    exec {input}>&-
    wait "$asker" || { cat "$said"; fail "$1: requests failed"; }
    echo "$1: $(grep -vx asking "$said")"
}

down() {
    step down
    leave
    if [[ "${files[*]}" != *nodes* && -n $(docker volume ls -q --filter name=product-store_cassandra-) ]]; then
        files+=(-f docker-compose.nodes.yml)
    fi
    compose --profile '*' down -v --remove-orphans --timeout 30
    [ -z "$(ours container -a)$(ours volume)$(ours network)" ] || fail "something is left after down -v"
    echo "down -v left nothing"
}

main() {
    ran=
    ! docker -H "unix://$ENGINE_DIR/docker.sock" version >/dev/null 2>&1 || ran=1 # then it is not ours to stop
    DOCKER_HOST=$("$here/install-engine.sh" start)
    export DOCKER_HOST
    step stand-ins
    "$here/make-standins.sh"
    trap finish EXIT
    [ $# -eq 0 ] || steps=("$@")
    local name
    for name in "${steps[@]}"; do
        step "$name"
        "$name"
    done
}

main "$@"
