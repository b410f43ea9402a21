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
export BASE PRODUCTS ROOT PYTHONDONTWRITEBYTECODE=1
exec python3 - <<'PYTHON'
import http.client
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

BASE, COUNT, ROOT = os.environ["BASE"], int(os.environ["PRODUCTS"]), pathlib.Path(os.environ["ROOT"])
BATCH, ATTEMPTS = 1000, 6

if sys.version_info < (3, 10):
    sys.exit(f"Python 3.10 or newer is needed to make the products; this is {sys.version.split()[0]}.")
sys.path.insert(0, str(ROOT / "launcher"))
try:
    from store_cli.seeding import products
except ImportError as error:
    sys.exit(f"The generator of products was not found beside this script ({error}). Run it from the repository.")

local = urllib.parse.urlsplit(BASE).hostname in ("localhost", "127.0.0.1", "::1")
opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if local else []))


def send(path, body, headers):
    """Return status and body; waits and repeats while the shop asks for patience or is not reached."""
    for attempt in range(ATTEMPTS):
        pause = 0.25 * 2**attempt
        try:
            request = urllib.request.Request(BASE + path, body, headers, method="POST")
            with opener.open(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            text = error.read()
            if error.code not in (429, 502, 503, 504):
                return error.code, text
            problem, pause = explain(error.code, text), max(pause, float(error.headers.get("Retry-After") or 0))
        except (OSError, http.client.HTTPException) as error:
            problem = f"{BASE} was not reached: {error}"
        if attempt + 1 < ATTEMPTS:
            time.sleep(min(pause, 30))
    sys.exit(f"\n{path}: {problem}")


def explain(status, text):
    try:
        found = json.loads(text)
        errors = "; ".join(f"{e['field']}: {e['message']}" for e in found.get("errors", [])[:3])
        return f"{status} {found['title']}: {found['detail']} {errors}".strip()
    except (ValueError, KeyError, TypeError):
        return f"{status} {text[:200]!r}"


def credentials():
    if os.environ.get("ADMIN_EMAIL") and os.environ.get("ADMIN_PASSWORD"):
        return os.environ["ADMIN_EMAIL"], os.environ["ADMIN_PASSWORD"]
    folder = pathlib.Path(os.environ.get("STORE_DATA_DIR") or ROOT / ".store")
    path = folder / "secrets" / "demo_admin.json"
    found = []
    for read in (path.read_text, demo_of_the_containers):
        try:
            known = json.loads(read())
            found.append((known["email"], known["password"]))
        except (OSError, ValueError, KeyError, subprocess.SubprocessError):
            continue
        if address(known.get("base_url", "")) == address(BASE):
            return found[-1]
    if not found:
        sys.exit(f"No administrator is known: set ADMIN_EMAIL and ADMIN_PASSWORD ({path} cannot be read).")
    return found[0]


def demo_of_the_containers():
    compose = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
    command = [*compose, "-f", str(ROOT / "infra" / "docker-compose.yml"), "exec", "-T", "user"]
    show = "print(open('/run/admin/demo_admin.json').read())"
    done = subprocess.run([*command, "python", "-c", show], capture_output=True, check=True, timeout=30)
    return done.stdout.decode()


def address(url):
    parts = urllib.parse.urlsplit(url)
    return {"127.0.0.1": "localhost"}.get(parts.hostname, parts.hostname), parts.port or 80


def sign_in():
    email, password = credentials()
    form = urllib.parse.urlencode({"grant_type": "password", "username": email, "password": password}).encode()
    status, text = send("/api/auth/token", form, {"Content-Type": "application/x-www-form-urlencoded"})
    if status != 200:
        sys.exit(f"Signing in as {email} failed: {explain(status, text)}")
    return {"Authorization": "Bearer " + json.loads(text)["access_token"], "Content-Type": "application/json"}


def add(batch, headers):
    """Return how many of a batch were created and how many were there."""
    items = [
        {
            "sku": p.sku,
            "name": p.name,
            "description": p.description,
            "category": p.category,
            "price_minor": p.price_minor,
            "stock": p.stock,
        }
        for p in batch
    ]
    body = json.dumps({"products": items}, ensure_ascii=False).encode()
    status, text = send("/api/products/batch", body, headers)
    if status == 401:  # the token ran out under way
        headers.update(sign_in())
        status, text = send("/api/products/batch", body, headers)
    if status != 200:
        sys.exit(f"\nA batch was refused: {explain(status, text)}")
    answer = json.loads(text)
    return answer["created"], answer["existing"]


def show(done, end=""):
    if sys.stdout.isatty():
        bar = "#" * (40 * done // COUNT)
        print(f"\r[{bar:<40}] {done:>{len(str(COUNT))}}/{COUNT}", end=end, flush=True)
    else:
        print(f"{done}/{COUNT}", flush=True)


headers, source = sign_in(), products(COUNT)
created = existing = 0
started = time.monotonic()
while batch := list(itertools.islice(source, BATCH)):
    new, old = add(batch, headers)
    created, existing = created + new, existing + old
    show(created + existing)
seconds = time.monotonic() - started
if sys.stdout.isatty():
    print()
if created + existing != COUNT:
    sys.exit(f"Only {created + existing} of {COUNT} products are there.")
print(f"{created} created, {existing} were there already, in {seconds:.1f} s")
PYTHON
