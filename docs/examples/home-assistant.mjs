// Devices in Home Assistant, by its MQTT discovery: whether each has a link, what waits there, and what is wrong.
// With mqtt.js (npm install mqtt); let it run beside the broker that Home Assistant uses:
//
//     node home-assistant.mjs mqtt://localhost:1883
//
// It only tells Home Assistant where to read: devices say it themselves, retained, on their status topics. What is said
// there is described in schemas/status.schema.json, and is not signed. Needs Home Assistant 2024.11 or later.

import mqtt from "mqtt";

const [address = "mqtt://localhost:1883", prefix = "dockvoice", discovery = "homeassistant"] = process.argv.slice(2);

// A member that a device does not tell is unknown there; a last will tells none of them.
const told = (path) => `{% set found = value_json${path} %}{{ found if found is not none else 'None' }}`;

function configuration(topic, status) {
    const id = `dockvoice_${status.site}_${status.device}`;
    const linked = {
        availability_topic: topic,
        availability_template: "{{ value_json.state }}",
        payload_available: "online",
        payload_not_available: "offline",
    };
    const number = (name, path, more) => ({
        platform: "sensor", name, unique_id: `${id}_${name.toLowerCase().replaceAll(" ", "_")}`,
        value_template: told(path), state_class: "measurement", ...linked, ...more,
    });
    return {
        device: {
            identifiers: [id], name: `${status.site} ${status.device}`, manufacturer: "Dockvoice",
            ...(status.program ? {sw_version: status.program} : {}),
        },
        origin: {name: "dockvoice-home-assistant-example"},
        state_topic: topic,
        qos: 1,
        components: {
            link: {
                platform: "binary_sensor", name: "Link", unique_id: `${id}_link`, device_class: "connectivity",
                value_template: "{{ value_json.state }}", payload_on: "online", payload_off: "offline",
            },
            microphone: {
                platform: "binary_sensor", name: "Microphone", unique_id: `${id}_microphone`, device_class: "problem",
                value_template: "{{ 'ON' if value_json.get('microphone', {}).get('faults') else 'OFF' }}", ...linked,
            },
            waiting: number("Waiting entries", ".get('backlog', {}).get('entries')"),
            review: number("Under review", ".get('under_review')"),
            disk: number("Free disk", ".get('disk_free_mb')", {unit_of_measurement: "MB", device_class: "data_size"}),
        },
    };
}

const client = mqtt.connect(address, {protocolVersion: 5});
client.on("connect", () => client.subscribe(`${prefix}/+/+/status`, {qos: 1}, (fault) => { if (fault) throw fault; }));
client.on("error", (fault) => { console.error(`${address}: ${fault.message}`); });

client.on("message", (topic, payload) => {
    const [site, device] = topic.slice(prefix.length + 1).split("/");
    const there = `${discovery}/device/dockvoice_${site}_${device}/config`;
    let said = "";
    if (payload.length > 0) { // an empty one: somebody cleared it, and the device is gone
        let status;
        try {
            status = JSON.parse(payload);
        } catch {
            return console.error(`${topic}: is no JSON`);
        }
        if (status?.site !== site || status?.device !== device) return console.error(`${topic}: names another device`);
        said = JSON.stringify(configuration(topic, status));
    }
    client.publish(there, said, {qos: 1, retain: true}, () => console.log(`${said ? "told" : "removed"} ${there}`));
});
for (const end of ["SIGTERM", "SIGINT"]) process.on(end, () => client.end(false, () => process.exit(0)));
