#!/bin/sh
# The Alertmanager of compose.yaml, in prom/alertmanager's image (busybox). Its configuration knows
# no variables: addresses are handed to it as files, and a receiver without one becomes `none`.
set -eu

config=/tmp/alertmanager.yml
cp /etc/salespipe/alertmanager.yml "$config"

receiver() { # name, address
  if [ -n "$2" ]; then
    printf %s "$2" >"/tmp/$1"
  else
    sed -i "s/receiver: $1\$/receiver: none/" "$config"
  fi
}
receiver people "${ALERT_WEBHOOK_URL:-}"
receiver heartbeat "${ALERT_HEARTBEAT_URL:-}"

# one instance: no cluster to gossip with
exec /bin/alertmanager --config.file="$config" --storage.path=/alertmanager --cluster.listen-address=
