// A receiving system of your own, in JavaScript: it takes entries from the broker, keeps each once, and answers with a
// receipt. With mqtt.js and the `cloudevents` package (npm install mqtt cloudevents):
//
//     node receive.mjs mqtt://localhost:1883 kept.jsonl
//
// docs/inventory.md says what each receipt means. This one trusts the broker's access rules: it checks no signatures.

import {appendFileSync, existsSync, fsyncSync, openSync, readFileSync} from "node:fs";
import mqtt from "mqtt";
import {MQTT} from "cloudevents";

const [address = "mqtt://localhost:1883", file = "kept.jsonl", prefix = "dockvoice"] = process.argv.slice(2);

// What was kept before this start: by its id, and how far each device has come.
const kept = new Map(), handled = new Map();
if (existsSync(file)) {
    for (const line of readFileSync(file, "utf8").split("\n").slice(0, -1)) keep(JSON.parse(line));
}
const disk = openSync(file, "a", 0o600);

function keep(event) {
    kept.set(event.id, event);
    handled.set(event.source, Number(event.sequence));
}

// What becomes of an event: each once, and those of a device in the order of their numbers, without a gap.
function take(event) {
    if (kept.has(event.id)) return {outcome: "duplicate"};
    const expected = (handled.get(event.source) ?? 0) + 1;
    if (Number(event.sequence) > expected) return {outcome: "early", expected};
    appendFileSync(disk, JSON.stringify(event) + "\n");
    fsyncSync(disk); // on the disk before the receipt: the device forgets its duty with that
    keep(event.toJSON());
    return {outcome: "applied"};
}

function receipt(event, became) {
    const time = new Date().toISOString();
    return JSON.stringify({event_id: event.id, sequence: Number(event.sequence), reasons: [], time, ...became});
}

// A persistent session: what comes while this program is away, the broker keeps.
const client = mqtt.connect(address, {
    clientId: "my-inventory",
    protocolVersion: 5,
    clean: false,
    properties: {sessionExpiryInterval: 7 * 24 * 3600},
});

// The broker has the acknowledgement only once this has called `done`: what is not kept by then comes again.
client.handleMessage = (packet, done) => {
    let event;
    try {
        const kind = packet.properties?.contentType ?? "application/cloudevents+json"; // MQTT 3.1.1 does not say
        event = MQTT.toEvent({PUBLISH: {"Content Type": kind}, headers: {}, body: packet.payload.toString()}, true);
        event.validate(); // throws where it is no CloudEvent
        if (!packet.topic.endsWith("/entries")) throw new Error("it came on another topic");
    } catch (fault) {
        console.error(`${packet.topic}: put aside: ${fault.message}`); // nobody could be answered
        return done();
    }
    const became = take(event), topic = packet.topic.replace(/entries$/, "receipts");
    console.log(JSON.stringify({id: event.id, type: event.type, source: event.source, ...became, data: event.data}));
    // Not waited for: mqtt.js reads nothing more before `done`. Where it is lost, the device sends the event again.
    client.publish(topic, receipt(event, became), {qos: 1});
    done();
};

client.on("connect", () => client.subscribe(`${prefix}/+/+/entries`, {qos: 1}, (fault) => {
    if (fault) throw fault;
    console.log(JSON.stringify({subscribed: true}));
}));
client.on("error", (fault) => { console.error(`${address}: ${fault.message}`); });
for (const end of ["SIGTERM", "SIGINT"]) process.on(end, () => client.end(false, () => process.exit(0)));
