// As failover_client.py, through node-redis, which asks nobody else until the primary that was
// killed is back and sends it elsewhere. Arguments: PORT…
"use strict";

const assert = require("node:assert");
const { createCluster } = require("redis");
const { again, main, ports } = require("./failover_story.js");

async function connect() {
  const rootNodes = ports.map((port) => ({ url: `redis://127.0.0.1:${port}` }));
  const defaults = { socket: { reconnectStrategy: 50 }, disableOfflineQueue: true };
  const cluster = createCluster({ rootNodes, defaults });
  cluster.on("error", () => {});
  await cluster.connect();
  return cluster;
}

async function messages(cluster) {
  for (const n of [0, 1, 2]) {
    const channel = `node-redis:channel:${n}`;
    let tell;
    const heard = new Promise((resolve) => (tell = resolve));
    await again(() => cluster.sSubscribe(channel, (text, from) => tell([from, text])));
    const timer = setInterval(() => cluster.sPublish(channel, "hello").catch(() => {}), 50);
    assert.deepStrictEqual(await heard, [channel, "hello"]);
    clearInterval(timer);
  }
}

main("node-redis", connect, messages);
