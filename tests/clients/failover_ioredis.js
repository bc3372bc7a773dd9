// As failover_client.py, through ioredis. Arguments: PORT…
"use strict";

const assert = require("node:assert");
const Redis = require("ioredis");
const { again, main, ports } = require("./failover_story.js");

function connect() {
  const nodes = ports.map((port) => ({ host: "127.0.0.1", port }));
  const options = { clusterRetryStrategy: () => 50, shardedSubscribers: true };
  const cluster = new Redis.Cluster(nodes, options);
  cluster.on("error", () => {});
  return cluster;
}

// A client of its own for each channel.
async function messages(cluster) {
  for (const n of [0, 1, 2]) {
    const channel = `ioredis:channel:${n}`;
    const listener = connect();
    const heard = new Promise((resolve) => {
      listener.once("smessage", (from, text) => resolve([from, text]));
    });
    await again(() => listener.ssubscribe(channel));
    const timer = setInterval(() => cluster.spublish(channel, "hello").catch(() => {}), 50);
    assert.deepStrictEqual(await heard, [channel, "hello"]);
    clearInterval(timer);
    listener.disconnect();
  }
}

main("ioredis", connect, messages);
