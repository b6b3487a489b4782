#!/usr/bin/env bash
# The PostgreSQL of compose.tls.yaml, in postgres' image. It takes no key that others might read, and
# a secret's file is readable to whoever sees it: hence a copy, in memory.
set -euo pipefail

install -m 0600 /run/secrets/server.key /tmp/server.key
exec docker-entrypoint.sh "$@" --ssl=on --ssl_min_protocol_version=TLSv1.2 \
  --ssl_cert_file=/run/secrets/server.crt --ssl_key_file=/tmp/server.key \
  --hba_file=/etc/salespipe/pg_hba.conf
