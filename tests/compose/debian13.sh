#!/usr/bin/env bash
# Runs the README's two commands on the Python that people have: in a bare Debian 13 (Python 3.13) with python3-venv and
# make and nothing else, as an ordinary user, in a fresh copy of this checkout's tracked files.
# The Debian is made once by debootstrap, from the mirror of this machine's apt settings, and kept in the cache.
# Needs root, Debian and curl.
#
#   tests/compose/debian13.sh                 `make up`, a purchase, Ctrl-C; then `make test`
#   tests/compose/debian13.sh up              only the first of them
#   tests/compose/debian13.sh run COMMAND...  another command in it, in the copy as it was left
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
checkout=$(cd "$here/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/product-store/debian13
root=$cache/root
packages=ca-certificates,make,python3-venv
shop=/home/shop/product-store
port=28480

# In namespaces of their own: whatever is started or mounted here ends with this script, however it ends.
if [ $$ -ne 1 ]; then
    mkdir -p "$cache"
    exec flock "$cache" unshare --mount --pid --fork --kill-child "$0" "$@"
fi

fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

# The machine's own Debian mirror: the first URI of its apt settings.
mirror() {
    awk '/^URIs:/ {print $2; exit} /^deb / {for (i = 2; i <= NF; i++) if ($i ~ /^https?:/) {print $i; exit}}' \
        /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1
}

make_root() {
    [ "$(cat "$root/.packages" 2>/dev/null)" != "$packages" ] || return 0
    command -v debootstrap >/dev/null || { apt-get update -q && apt-get install -qy --no-install-recommends debootstrap; }
    echo "Making a Debian 13 in $root (once; about a minute)"
    rm -rf "$root"
    debootstrap --variant=minbase --include="$packages" trixie "$root" "$(mirror)" >"$cache/debootstrap.log" 2>&1 ||
        { tail -n 20 "$cache/debootstrap.log" >&2; fail "debootstrap"; }
    chroot "$root" useradd --create-home shop
    echo "$packages" >"$root/.packages"
}

# What a machine adds to Debian so that packages can be fetched: names, certificate authorities, pip's settings.
enter_network() {
    cp /etc/resolv.conf /etc/hosts "$root/etc/"
    if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
        cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/"
        chroot "$root" update-ca-certificates >/dev/null 2>&1
    fi
    [ ! -e /etc/pip.conf ] || cp /etc/pip.conf "$root/etc/"
}

settings() { # the variables of this machine that say how packages are fetched, those aside that name what is not there
    local line
    while IFS= read -r -d '' line; do
        [[ $line =~ ^(PIP_|UV_|SSL_CERT_|REQUESTS_CA_|[A-Za-z]+_(proxy|PROXY)=) ]] || continue
        [[ ${line#*=} = /* && ! -e $root${line#*=} ]] || passed+=("$line")
    done < <(env -0)
}

inside() { # COMMAND... in the copy, as its owner
    chroot --userspec=shop:shop "$root" /usr/bin/env -i HOME=/home/shop LANG=C.UTF-8 PATH=/usr/bin:/bin "${passed[@]}" \
        sh -c 'cd "$0" && exec "$@"' "$shop" "$@"
}

copy() {
    rm -rf "${root:?}$shop" "$root"/tmp/*
    mkdir "$root$shop"
    git -C "$checkout" ls-files -z | tar -C "$checkout" --null -T - -c | tar -C "$root$shop" -x
    chown -R --reference="$root/home/shop" "$root$shop"
}

ready() { # PID that must live until the shop answers
    for _ in $(seq 1200); do
        ! curl -sf -m 5 -o /dev/null "http://localhost:$port/api/system/health" || return 0
        kill -0 "$1" 2>/dev/null || return 1
        sleep 0.2
    done
    return 1
}

up() { # as its owner would: start it, buy something, Ctrl-C
    local log=$cache/up.log pid begun=$SECONDS
    set -m
    inside make up ARGS="--port $port" >"$log" 2>&1 </dev/null & pid=$!
    set +m
    ready "$pid" || { cat "$log" >&2; fail "make up"; }
    echo "make up serves after $((SECONDS - begun)) s, its environment included"
    "$checkout/test_all_microservices.sh" "http://localhost:$port" >"$cache/smoke.log" 2>&1 ||
        { cat "$cache/smoke.log" "$log" >&2; fail "a purchase"; }
    tail -n 1 "$cache/smoke.log"
    kill -INT -- "-$pid"
    timeout 30 tail -f --pid="$pid" /dev/null || { cat "$log" >&2; fail "it did not end by Ctrl-C"; }
    ! grep -nE 'Traceback|Warning' "$log" || fail "what it said"
    tail -n 3 "$log"
}

make_root
enter_network
passed=()
settings
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
for folder in sys dev; do mount --rbind "/$folder" "$root/$folder"; done

case ${1:-all} in
    run) inside "${@:2}" ;;
    up) copy; up ;;
    all) copy; up; inside make test ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
