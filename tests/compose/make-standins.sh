#!/usr/bin/env bash
# Builds local stand-ins for the upstream images that the project names, mostly from Debian packages, and tags them
# with the upstream names, for a machine that reaches no image registry. They prove the wiring, not the upstream version.
# Needs: a running engine (DOCKER_HOST), debootstrap, python3 with pip; Maven for Cassandra. Keeps what exists.
#
#   make-standins.sh [all | NAME...]
#
# Tags are those of images.env. Another stand-in: a folder standins/NAME with a Dockerfile that starts
# FROM standin/debian:bookworm (or :trixie), and NAME_TAG in images.env.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=${STANDIN_WORK:-$(mktemp -d)}
# shellcheck source=images.env
. "$here/images.env"

log() { printf '%(%T)T %s\n' -1 "$*" >&2; }
have() { docker image inspect "$1" >/dev/null 2>&1; }

# The machine's own Debian mirror: the first URI of its apt settings.
mirror() {
    awk '/^URIs:/ {print $2; exit} /^deb / {for (i = 2; i <= NF; i++) if ($i ~ /^https?:/) {print $i; exit}}' \
        /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1
}

base() { # SUITE
    local suite=$1 root="$work/root-$1" env=()
    have "standin/debian:$suite" && return 0
    log "debootstrap $suite"
    debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" "$(mirror)" >"$work/debootstrap-$suite.log" 2>&1
    # Certificate authorities this machine adds to Debian's own (a proxy's): builds need them too.
    if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
        cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/"
        chroot "$root" update-ca-certificates >/dev/null 2>&1
        local bundle=/etc/ssl/certs/ca-certificates.crt name
        for name in SSL_CERT_FILE REQUESTS_CA_BUNDLE CURL_CA_BUNDLE PIP_CERT NODE_EXTRA_CA_CERTS; do
            env+=(-c "ENV $name=$bundle")
        done
        env+=(-c 'ENV UV_NATIVE_TLS=true')
    fi
    rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root/etc/apt/sources.list"
    printf '%s\n' 'Dpkg::Options {"--force-confdef";"--force-confold";};' 'APT::Install-Recommends "false";' \
        >"$root/etc/apt/apt.conf.d/90standin"
    printf '%s\n' 'Types: deb' "URIs: $(mirror)" "Suites: $suite" 'Components: main' \
        'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg' >"$root/etc/apt/sources.list.d/standin.sources"
    tar -C "$root" --one-file-system --exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/share/locale -c . |
        docker import -c 'CMD ["bash"]' "${env[@]}" - "standin/debian:$suite" >/dev/null
    rm -rf "$root"
    log "standin/debian:$suite ready"
}

image() { # NAME TAG [CONTEXT=FOLDER]; the Dockerfile's VERSION is the tag's
    have "$2" && return 0
    log "build $2"
    printf '%s\n' "name: standin-$1" services: '  image:' "    image: $2" '    build:' \
        "      context: $here/standins/$1" "      args: {VERSION: \"${2##*:}\"}" ${3:+"      additional_contexts: {${3%%=*}: ${3#*=}}"} |
        docker-compose --progress plain -f - build >"$work/build-$1.log" 2>&1 ||
        { tail -n 40 "$work/build-$1.log" >&2; return 1; }
    log "$2 ready"
}

jars() { # the folder of Cassandra's jars, fetched by Maven
    "$here/../../infra/cassandra/node.sh" fetch >&2
    realpath "$here/../../.store/cassandra/jars-${CASSANDRA_TAG#*:}"
}

log_exporter() { # the folder of the program, built by Go from its pinned module
    local module="$here/../../infra/exporters/nginxlog" program="$work/nginxlog"
    mkdir -p "$program"
    (cd "$module" && CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$program/" github.com/martin-helmich/prometheus-nginxlog-exporter) >&2
    echo "$program"
}

uv_image() {
    have "$UV_TAG" && return 0
    local dir="$work/uv"
    python3 -m pip install --quiet --root-user-action=ignore --target "$dir/pkg" "uv==${UV_TAG##*:}"
    mkdir -p "$dir/ctx"
    cp "$dir/pkg/bin/uv" "$dir/pkg/bin/uvx" "$dir/ctx/"
    tar -C "$dir/ctx" -c uv uvx | docker import -c 'ENTRYPOINT ["/uv"]' - "$UV_TAG" >/dev/null
    log "$UV_TAG ready"
}

want=("$@")
if [ ${#want[@]} -eq 0 ] || [ "${want[0]}" = all ]; then
    want=(python uv nginx cassandra prometheus alertmanager grafana locust node_exporter nginx_exporter nginxlog_exporter)
fi
build() { # NAME
    local tag="${1^^}_TAG"
    case $1 in
        uv) uv_image ;;
        cassandra) have "$CASSANDRA_TAG" || image cassandra "$CASSANDRA_TAG" "jars=$(jars)" ;;
        nginxlog_exporter) have "${!tag}" || image "$1" "${!tag}" "program=$(log_exporter)" ;;
        *) image "$1" "${!tag:?unknown stand-in: $1}" ;;
    esac
}

base bookworm & b1=$!
base trixie & b2=$!
wait $b1
wait $b2
# Three at a time: half of it is waiting for the network. Python comes first, others are made from it.
running=()
for name in "${want[@]}"; do
    if [ "$name" = python ]; then build python; continue; fi
    build "$name" & running+=($!)
    if [ ${#running[@]} -ge 3 ]; then
        wait "${running[0]}"
        running=("${running[@]:1}")
    fi
done
for pid in "${running[@]}"; do wait "$pid"; done
