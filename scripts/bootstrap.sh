#!/bin/sh
# Brings .venv in line with uv.lock; arguments go to `uv sync`. Installs uv into .uv/ when the PATH has none.
# Needs Python 3.11+ with venv and nothing else: no root, no settings, an empty HOME will do.
set -eu
cd "$(dirname "$0")/.."

UV_VERSION=0.13.9

fail() {
    printf 'error: %s\n' "$1" >&2
    shift
    printf '       %s\n' "$@" >&2
    exit 2
}

is_new_enough() { # a Python of 3.11 or newer
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() { # the first that will do; $PYTHON alone when it is set
    for candidate in ${PYTHON:-.venv/bin/python python3 python3.14 python3.13 python3.12 python3.11 python}; do
        if is_new_enough "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    found=$("${PYTHON:-python3}" --version 2>&1 || true)
    fail "Product Store needs Python 3.11 or newer (${PYTHON:-python3}: ${found:-not found})." \
        "Install one (Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python)" \
        "or name one: make up PYTHON=/path/to/python3.12"
}

is_uv_usable() { # on the PATH and not older than the one that wrote uv.lock
    command -v uv >/dev/null || return 1
    "$1" - "$(uv --version 2>/dev/null)" "$UV_VERSION" <<'PY'
import re
import sys
have, want = ([int(n) for n in re.findall(r"\d+", text)[:3]] for text in sys.argv[1:])
sys.exit(have < want)
PY
}

install_uv() {
    echo "Installing uv $UV_VERSION into .uv/ (once)"
    "$1" -c 'import ensurepip, venv' 2>/dev/null || fail \
        "$1 has no venv module, which uv is installed with." \
        "Install it (Debian, Ubuntu: apt install python3-venv) or name another Python: make up PYTHON=..."
    "$1" -m venv .uv
    .uv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION"
}

python=$(find_python)
if is_uv_usable "$python"; then
    uv=uv
else
    uv=.uv/bin/uv
    [ -x "$uv" ] && [ "$("$uv" --version | cut -d' ' -f2)" = "$UV_VERSION" ] || install_uv "$python"
fi
if [ ! -w "${HOME:-/nonexistent}" ]; then
    export UV_CACHE_DIR=.uv/cache
fi
exec "$uv" sync --frozen --python "$python" --no-python-downloads "$@"
