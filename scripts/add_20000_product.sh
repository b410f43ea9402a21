#!/usr/bin/env bash
# Put 20 000 plausible products into a running shop, through its public API, 1 000 at a time.
# Safe to run again: a product whose SKU is there already stays as it is.
#
#   scripts/add_20000_product.sh [BASE_URL]      without one: http://localhost, then http://localhost:8080
#
# Needs curl and python3. Signs in as ADMIN_EMAIL with ADMIN_PASSWORD, else as the demo administrator that
# `store up` keeps in .store/secrets/demo_admin.json (STORE_DATA_DIR names another data folder), or that the
# containers of infra/docker-compose.yml keep among their secrets: the one whose shop is at BASE_URL.
# PRODUCTS=N puts in another number. Exit codes: 0 all are there, 1 not all, 2 wrong usage.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PRODUCTS=${PRODUCTS:-20000}

usage() { sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
die() { printf '%s\n' "$*" >&2; exit 1; }

# A shop answers its health page by JSON that names its services; any other server on the port is not meant.
answers() { curl -sS -m 5 "$1/api/system/health" 2>/dev/null | grep -q '"services"'; }

case ${1:-} in
  -h | --help) usage; exit 0 ;;
  -*) usage >&2; exit 2 ;;
esac
[ $# -le 1 ] || { usage >&2; exit 2; }
[[ $PRODUCTS =~ ^[1-9][0-9]{0,6}$ ]] || { echo "PRODUCTS must be a number from 1 to 9999999, not '$PRODUCTS'." >&2; exit 2; }
for tool in curl python3; do command -v "$tool" >/dev/null || die "$tool is needed and was not found."; done
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || die "Python 3.10 or newer is needed to make the products; this is $(python3 -V)."
[ -f "$ROOT/launcher/store_cli/seed/products.py" ] || die "The generator of products was not found. Run the script in its repository."

BASE=${1:-}
if [ -z "$BASE" ]; then
  for candidate in http://localhost http://localhost:8080; do
    if answers "$candidate"; then BASE=$candidate; break; fi
  done
  [ -n "$BASE" ] || die "No shop answers at http://localhost or http://localhost:8080. Start one: make up"
else
  BASE=${BASE%/}
  answers "$BASE" || die "No shop answers at $BASE (asked $BASE/api/system/health)."
fi

echo "Adding $PRODUCTS products to $BASE"
PYTHONPATH=$ROOT:$ROOT/launcher PYTHONDONTWRITEBYTECODE=1 exec python3 "$ROOT/scripts/add_products.py" "$BASE" "$PRODUCTS"
