#!/usr/bin/env bash
# Try every service of a running shop through its gateway, as a person would: one line per check.
#
#   ./test_all_microservices.sh [BASE_URL]      without one: http://localhost, then http://localhost:8080
#
# Needs curl and python3, and a shop with at least one product in stock. It registers a new customer each time,
# orders two units and cancels one of the two orders. Exit codes: 0 all well, 1 a check failed, 2 wrong usage.
set -uo pipefail

usage() { sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }
die() { printf '%s\n' "$*" >&2; exit 1; }

# A shop answers its health page by JSON that names its services; any other server on the port is not meant.
answers() { curl -sS -m 5 "$1/api/system/health" 2>/dev/null | grep -q '"services"'; }

case ${1:-} in
  -h | --help) usage; exit 0 ;;
  -*) usage >&2; exit 2 ;;
esac
[ $# -le 1 ] || { usage >&2; exit 2; }
for tool in curl python3; do command -v "$tool" >/dev/null || die "$tool is needed and was not found."; done

BASE=${1:-}
if [ -z "$BASE" ]; then
  for candidate in http://localhost http://localhost:8080; do
    if answers "$candidate"; then BASE=$candidate; break; fi
  done
  [ -n "$BASE" ] || die "No shop answers at http://localhost or http://localhost:8080. Start one: make up"
fi
BASE=${BASE%/}
# A shop of which a part is down is tried all the same; an address where nothing listens is not.
curl -sS -m 10 -o /dev/null "$BASE/" 2>/dev/null || die "Nothing answers at $BASE."

TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT
BODY=$TMP/body HEAD=$TMP/head
JSON='Content-Type: application/json'
STATUS=000 PASSED=0 FAILED=0
if [ -t 1 ]; then GREEN=$'\e[32m' RED=$'\e[31m' BOLD=$'\e[1m' PLAIN=$'\e[0m'; else GREEN='' RED='' BOLD='' PLAIN=''; fi

# ask METHOD PATH [curl options]: sends a request; leaves STATUS, $BODY and $HEAD behind.
ask() {
  local method=$1 path=$2
  shift 2
  : >"$BODY" && : >"$HEAD"
  STATUS=$(curl -sS -m 30 -X "$method" -o "$BODY" -D "$HEAD" -w '%{http_code}' "$@" "$BASE$path" 2>"$TMP/error") || STATUS=000
}

# value EXPRESSION: evaluates a Python expression over the JSON answer, called `it`; empty when that fails.
value() {
  python3 -c 'import json, sys
try:
    it = json.load(open(sys.argv[1], encoding="utf-8"))
    found = eval(sys.argv[2])
    print(json.dumps(found) if isinstance(found, (bool, dict, list)) else "" if found is None else found)
except Exception:
    pass' "$BODY" "$1"
}

# plain TEXT: the text if it is an id or a number, else nothing: such values go into expressions.
plain() { [[ $1 =~ ^[0-9A-Za-z-]{1,64}$ ]] && printf '%s' "$1"; }

header() { sed -n "s/^$1: *\([^[:cntrl:]]*\).*/\1/Ip" "$HEAD" | tail -n 1; }
section() { printf '\n%s%s%s\n' "$BOLD" "$1" "$PLAIN"; }
ok() { PASSED=$((PASSED + 1)); printf '%sOK%s    %s\n' "$GREEN" "$PLAIN" "$1"; }
fail() { FAILED=$((FAILED + 1)); printf '%sFAIL%s  %s: %s\n' "$RED" "$PLAIN" "$1" "$2"; }

said() { if [ "$STATUS" = 000 ]; then head -c 200 "$TMP/error"; else head -c 300 "$BODY"; fi | tr '\n' ' '; }

# check "what" STATUS [EXPRESSION]: judges the last answer; the expression must be true of its JSON.
check() {
  if [ "$STATUS" != "$2" ]; then
    fail "$1" "expected $2, got $STATUS: $(said)"
  elif [ $# -gt 2 ] && [ "$(value "bool($3)")" != true ]; then
    fail "$1" "not true of the answer: $3: $(said)"
  else
    ok "$1"
  fi
}

# same "what" EXPECTED FOUND
same() { if [ "$2" = "$3" ]; then ok "$1"; else fail "$1" "expected '$2', got '$3'"; fi; }

# eventually SECONDS EXPRESSION METHOD PATH [curl options]: asks until the expression is true of the answer.
eventually() {
  local end=$((SECONDS + $1)) expression=$2
  shift 2
  while ask "$@"; [ "$(value "bool($expression)")" != true ] && [ "$SECONDS" -lt "$end" ]; do sleep 0.25; done
}

new_key() { python3 -c 'import uuid; print(uuid.uuid4())'; }

echo "Testing the shop at $BASE"

section "System"
ask GET /api/system/health
check "the shop is healthy" 200 'it["status"] == "up"'
for service in catalog cart order user; do
  check "the $service service is up" 200 "any(s['name'] == '$service' and s['status'] == 'up' for s in it['services'])"
done

section "Users"
EMAIL="smoke-$(new_key)@example.com" PASSWORD="smoke $(new_key)"
ask POST /api/users -H "$JSON" -d "{\"email\": \"$EMAIL\", \"password\": \"$PASSWORD\", \"name\": \"Smoke Test\"}"
check "a customer registers" 201 "it['email'] == '$EMAIL'"
ask POST /api/users -H "$JSON" -d "{\"email\": \"$EMAIL\", \"password\": \"$PASSWORD\"}"
check "the same e-mail does not register twice" 409
ask POST /api/auth/token --data-urlencode "username=$EMAIL" --data-urlencode "password=not this one"
check "a wrong password is refused" 400 'it["error"] == "invalid_grant"'
ask POST /api/auth/token --data-urlencode "username=$EMAIL" --data-urlencode "password=$PASSWORD"
check "the right one gives a token" 200 'it["token_type"].lower() == "bearer"'
ME="Authorization: Bearer $(value 'it["access_token"]')" REFRESH=$(value 'it["refresh_token"]')
ask GET /api/users/me -H "$ME"
check "the token says who I am" 200 "it['email'] == '$EMAIL' and 'admin' not in it['roles']"
ask GET /api/users/me
check "without a token there is no account" 401
ask GET /api/users/me -H "Authorization: Bearer x.y.z"
check "a forged token is refused" 401
ask POST /api/auth/token -d grant_type=refresh_token --data-urlencode "refresh_token=$REFRESH"
check "the refresh token gives a new token" 200 'it["access_token"]'
ask GET /.well-known/jwks.json
check "the public keys are published" 200 'it["keys"] and "d" not in it["keys"][0]'

section "Catalogue"
ask GET /api/categories
check "categories are listed" 200 'len(it["items"]) > 0'
ask GET '/api/products?limit=5'
check "products are listed" 200 '0 < len(it["items"]) <= 5'
ask GET '/api/products?limit=1&in_stock=true&sort=price'
check "something is in stock" 200 'len(it["items"]) == 1'
PRODUCT=$(plain "$(value 'it["items"][0]["id"]')") PRICE=$(plain "$(value 'it["items"][0]["price_minor"]')")
WORD=$(value 'max(it["items"][0]["name"].split(), key=len)')
ask GET "/api/products/$PRODUCT"
check "a product shows its price and stock" 200 'it["price_minor"] > 0 and it["available"] > 0'
ask GET "/api/products/$PRODUCT" -H "If-None-Match: $(header ETag)"
check "an unchanged product is not sent again" 304
ask GET /api/products -G --data-urlencode "search=$WORD" -d limit=100
check "searching for '$WORD' finds something" 200 'len(it["items"]) > 0'
ask GET /api/products/00000000-0000-7000-8000-000000000000
check "an unknown product is a problem document" 404 'it["type"].startswith("/docs/problems/#")'
ask GET '/api/products?limit=101'
check "a limit out of bounds is refused" 422

section "Cart"
ITEM="{\"product_id\": \"$PRODUCT\", \"quantity\": 1}"
ask POST /api/cart/items -H "$JSON" -d "$ITEM"
check "a guest puts something into a cart" 200 'it["quantity"] == 1 and it["cart_token"]'
GUEST=$(header Cart-Token)
ask GET /api/cart -H "Cart-Token: $GUEST"
check "the guest's token shows the cart" 200 'it["item_count"] == 1'
ask GET /api/cart -H "Cart-Token: ${GUEST}x"
check "an altered token is refused" 400
ask POST /api/cart/merge -H "$ME" -H "$JSON" -d "{\"cart_token\": \"$GUEST\"}"
check "signing in brings the guest's cart along" 200 'it["merged"] and it["item_count"] == 1'
KEY=$(new_key)
for _ in 1 2 3; do ask POST /api/cart/items -H "$ME" -H "$JSON" -H "Idempotency-Key: $KEY" -d "$ITEM"; done
check "an add repeated with its key counts once" 200 'it["quantity"] == 2'
ask PUT "/api/cart/items/$PRODUCT" -H "$ME" -H "$JSON" -d '{"quantity": 1}'
check "a quantity is set" 200 'it["quantity"] == 1'
ask GET /api/cart -H "$ME"
check "the cart shows live prices" 200 "it['total_minor'] == $PRICE and not it['items'][0]['price_changed']"
ask POST /api/recently-viewed -H "$ME" -H "$JSON" -d "{\"product_id\": \"$PRODUCT\"}"
ask GET /api/recently-viewed -H "$ME"
check "the product was recently viewed" 200 "it['items'][0]['product_id'] == '$PRODUCT'"

section "Orders"
ask GET /api/order-statuses
check "the statuses are explained" 200 'len(it["items"]) >= 5'
ask POST /api/orders -H "$ME" -H "$JSON" -d '{}'
check "an order needs an Idempotency-Key" 400
KEY=$(new_key)
ask POST /api/orders -H "$ME" -H "$JSON" -H "Idempotency-Key: $KEY" -d '{}'
check "the cart is ordered at the catalogue's price" 201 "it['status'] == 'CREATED' and it['total_minor'] == $PRICE"
ORDER=$(plain "$(value 'it["id"]')")
ask POST /api/orders -H "$ME" -H "$JSON" -H "Idempotency-Key: $KEY" -d '{}'
same "the same key gives the same order" "$ORDER" "$(value 'it["id"]')"
ask GET /api/cart -H "$ME"
check "the cart is empty now" 200 'it["items"] == []'
ask POST /api/orders -H "$ME" -H "$JSON" -H "Idempotency-Key: $(new_key)" -d '{}'
check "an empty cart is not ordered" 409
ask GET "/api/orders/$ORDER" -H "$ME"
check "the order has a status" 200 'it["status"] in ("CREATED", "PROCESSING", "SHIPPING", "DELIVERED")'
ask GET "/api/orders/$ORDER/events" -H "$ME"
check "its timeline tells how it came there" 200 'any(e["status"] == "CREATED" for e in it["items"])'
ask GET "/api/orders/$ORDER"
check "it is not shown without a token" 401
ask POST /api/cart/items -H "$ME" -H "$JSON" -d "$ITEM"
ask POST /api/orders -H "$ME" -H "$JSON" -H "Idempotency-Key: $(new_key)" -d '{}'
check "a second order is placed" 201
SECOND=$(plain "$(value 'it["id"]')")
ask POST "/api/orders/$SECOND/cancel" -H "$ME"
check "and cancelled" 200 'it["status"] == "CANCELLED"'
ask GET /api/orders -H "$ME"
check "both are listed" 200 "{'$ORDER', '$SECOND'} <= {o['id'] for o in it['items']}"
eventually 20 'it["status"] != "CREATED"' GET "/api/orders/$ORDER" -H "$ME"
check "the first moves on by itself" 200 'it["status"] in ("PROCESSING", "SHIPPING", "DELIVERED")'

section "Notifications and summary"
eventually 15 "{('$ORDER', 'CREATED'), ('$SECOND', 'CANCELLED')} <= {(n['order_id'], n['status']) for n in it['items']}" \
  GET /api/users/me/notifications -H "$ME"
check "the customer was notified of both" 200 \
  "{('$ORDER', 'CREATED'), ('$SECOND', 'CANCELLED')} <= {(n['order_id'], n['status']) for n in it['items']}"
ask GET /api/users/me/summary -H "$ME"
check "the summary counts the orders" 200 'it["orders"] >= 1'

section "Roles"
for path in /api/admin/orders /api/admin/carts /api/admin/users /api/admin/stock; do
  ask GET "$path" -H "$ME"
  check "a customer may not see $path" 403
  ask GET "$path"
  check "nor may anybody without a token see $path" 401
done
ask POST /api/products -H "$ME" -H "admin: true" -H "$JSON" \
  -d '{"name": "Mine", "category": "Mine", "price_minor": 1}'
check "a customer adds no products" 403

section "Gateway"
ask GET /swagger/
check "Swagger is served" 200
ask GET /openapi.json
check "the API is documented" 200 'len(it["paths"]) > 20'
ask GET /docs/ -L
check "the documentation is served" 200
for path in "/internal/carts/$PRODUCT" /metrics /health/ready /nowhere; do
  ask GET "$path"
  check "$path is not public" 404
done

printf '\n%d checks: %d OK, %d failed\n' $((PASSED + FAILED)) "$PASSED" "$FAILED"
[ "$FAILED" -eq 0 ]
