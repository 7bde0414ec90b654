#!/bin/sh
# What the container runs: a store and certificates where there are none, then the service for other machines.
# First credentials are written to a file beside the key, mode 0600; only its path is printed.
set -eu

keys=$(dirname "$KB_KEY_FILE")
if [ ! -e "$KB_DATA_DIR/store.json" ]; then
    python -m app init
fi

# Certificates of your own, mounted at /tls, come first.
tls=/tls
if [ ! -e "$tls/server.pem" ]; then
    tls=$keys/tls
    if [ ! -e "$tls/server.pem" ]; then
        python -m app certificates init --name "${STRONGROOM_HOST:-localhost}"
    fi
fi

exec python -m app serve --host 0.0.0.0 --tls-cert "$tls/server.pem" --tls-key "$tls/server.key" "$@"
