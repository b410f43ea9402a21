#!/bin/sh
# Writes how the gateway meets the outside, before nginx starts: TLS or not, and whose word about a client's address is
# believed. Run by the image's entry point, and by tests/gateway.
#   GATEWAY_TLS_DIR         folder with tls.crt (the certificate and its chain) and tls.key; without them: plain HTTP
#   GATEWAY_PUBLIC_URL      how people reach the shop: where plain HTTP is sent once there is a certificate
#   GATEWAY_TRUSTED_PROXIES networks of proxies in front, separated by blanks; empty: none is believed
#   GATEWAY_REAL_IP_HEADER  the header in which they name the client
#   GATEWAY_EDGE_DIR        where the result goes
set -euf
: "${GATEWAY_TLS_DIR:=/etc/nginx/tls}" "${GATEWAY_PUBLIC_URL:=http://localhost}" "${GATEWAY_TRUSTED_PROXIES:=}"
: "${GATEWAY_REAL_IP_HEADER:=X-Forwarded-For}" "${GATEWAY_EDGE_DIR:=/etc/nginx/conf.d}"

refuse() { printf 'gateway: %s\n' "$*" >&2; exit 1; }
is() { # TEXT EXPRESSION: whether all of the text, one line, is of that form
    [ "$(printf '%s' "$1" | wc -l)" -eq 0 ] && printf '%s' "$1" | grep -qE "^($2)\$"
}

real_ip() {
    is "$GATEWAY_REAL_IP_HEADER" '[A-Za-z][A-Za-z0-9-]*' || refuse "GATEWAY_REAL_IP_HEADER=$GATEWAY_REAL_IP_HEADER is not the name of a header"
    for network in $GATEWAY_TRUSTED_PROXIES; do
        is "$network" '[0-9a-fA-F.:]+(/[0-9]{1,3})?' || refuse "GATEWAY_TRUSTED_PROXIES: $network is not a network such as 10.0.0.0/8"
        echo "set_real_ip_from $network;"
    done
    echo "real_ip_header $GATEWAY_REAL_IP_HEADER;"
    # Behind several of them the client is the last address that is not one of them, whatever it wrote there itself.
    echo "real_ip_recursive on;"
}

secure() {
    [ -r "$GATEWAY_TLS_DIR/tls.crt" ] || refuse "$GATEWAY_TLS_DIR/tls.crt is missing, or user $(id -u) may not read it"
    [ -r "$GATEWAY_TLS_DIR/tls.key" ] || refuse "$GATEWAY_TLS_DIR/tls.key is missing, or user $(id -u) may not read it"
    # Not the request's own Host: anybody can write one.
    is "$GATEWAY_PUBLIC_URL" 'https://([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(:[0-9]+)?' ||
        refuse "GATEWAY_PUBLIC_URL=$GATEWAY_PUBLIC_URL: with a certificate it must be the shop's address, such as https://shop.example"
    echo "include /etc/nginx/store/tls.conf;" >"$GATEWAY_EDGE_DIR/listen.main"
    {
        echo "map \$host \$public_url { default $GATEWAY_PUBLIC_URL; }"
        echo "include /etc/nginx/store/to_https.conf;"
    } >"$GATEWAY_EDGE_DIR/to_https.servers"
}

real_ip >"$GATEWAY_EDGE_DIR/real_ip.server"
if [ -e "$GATEWAY_TLS_DIR/tls.crt" ] || [ -e "$GATEWAY_TLS_DIR/tls.key" ]; then
    secure
else
    echo "listen 80 default_server;" >"$GATEWAY_EDGE_DIR/listen.main"
    rm -f "$GATEWAY_EDGE_DIR/to_https.servers"
fi
