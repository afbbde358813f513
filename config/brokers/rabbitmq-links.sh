#!/bin/sh
# Makes the folder of rabbitmq-env.conf: links to what RabbitMQ 3.10 with MQTT needs, 22 of 70. Run it as root again after
# an upgrade, and for a plugin more add its name, and what its .app file names as `applications`.
#
#   sh rabbitmq-links.sh [/usr/local/lib/rabbitmq-mqtt]
set -eu
links="${1:-/usr/local/lib/rabbitmq-mqtt}/plugins"
rm -rf "$links"
mkdir -p "$links"
for name in amqp10_common amqp_client aten credentials_obfuscation cuttlefish enough gen_batch_server jsx observer_cli \
    osiris ra rabbit rabbit_common rabbitmq_mqtt rabbitmq_prelaunch ranch recon seshat stdout_formatter syslog \
    sysmon_handler systemd; do
    ln -s /usr/lib/rabbitmq/lib/rabbitmq_server-*/plugins/"$name"-[0-9]* "$links"
done
