#!/usr/bin/env bash
# The broker of compose.yaml, in apache/kafka's image. At its first start the storage is formatted
# with one user, the administrator, who makes the others (salespipe setup kafka): SCRAM passwords
# live in the log itself, and no variable of the image sets one.
set -euo pipefail

CLUSTER_ID=$(</run/secrets/cluster_id)
export CLUSTER_ID

if [[ ! -f $KAFKA_LOG_DIRS/meta.properties ]]; then
  cat >/tmp/format.properties <<PROPERTIES
process.roles=$KAFKA_PROCESS_ROLES
node.id=$KAFKA_NODE_ID
controller.quorum.voters=$KAFKA_CONTROLLER_QUORUM_VOTERS
controller.listener.names=$KAFKA_CONTROLLER_LISTENER_NAMES
listeners=$KAFKA_LISTENERS
advertised.listeners=$KAFKA_ADVERTISED_LISTENERS
inter.broker.listener.name=$KAFKA_INTER_BROKER_LISTENER_NAME
listener.security.protocol.map=$KAFKA_LISTENER_SECURITY_PROTOCOL_MAP
log.dirs=$KAFKA_LOG_DIRS
PROPERTIES
  # it prints salts and keys, so its words go nowhere
  KAFKA_HEAP_OPTS="-Xmx128m -XX:TieredStopAtLevel=1" \
    /opt/kafka/bin/kafka-storage.sh format -t "$CLUSTER_ID" -c /tmp/format.properties \
      --add-scram "SCRAM-SHA-512=[name=admin,password=$(</run/secrets/admin_password)]" >/dev/null
fi

exec /etc/kafka/docker/run
