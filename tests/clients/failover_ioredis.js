// As failover_client.py, through ioredis. Arguments: PORT…
"use strict";

const assert = require("node:assert");
const readline = require("node:readline");
const Redis = require("ioredis");

const ports = process.argv.slice(2).map(Number);
const input = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const keys = Array.from({ length: 100 }, (_, n) => `ioredis:${n}`);
const patienceMs = 180_000;
setTimeout(() => process.exit(1), 3 * patienceMs).unref();

async function again(what) {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    try {
      return await what();
    } catch (error) {
      assert(Date.now() < deadline, `the cluster is not back: ${error}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

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

async function main() {
  const cluster = connect();
  await Promise.all(keys.map((key) => cluster.set(key, "before")));
  await messages(cluster);
  console.log("ready");
  await input.next();
  for (const key of keys) {
    assert(["before", null].includes(await again(() => cluster.get(key))), key);
    assert.strictEqual(await again(() => cluster.set(key, "after")), "OK");
  }
  for (const key of keys) {
    assert.strictEqual(await again(() => cluster.get(key)), "after");
  }
  console.log("passed");
  process.exit(0);
}

main();
