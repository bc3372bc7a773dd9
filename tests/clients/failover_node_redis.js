// As failover_client.py, through node-redis, which asks nobody else until the primary that was
// killed is back and sends it elsewhere. Arguments: PORT…
"use strict";

const assert = require("node:assert");
const readline = require("node:readline");
const { createCluster } = require("redis");

const ports = process.argv.slice(2).map(Number);
const input = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const keys = Array.from({ length: 100 }, (_, n) => `node-redis:${n}`);
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

async function main() {
  const rootNodes = ports.map((port) => ({ url: `redis://127.0.0.1:${port}` }));
  const defaults = { socket: { reconnectStrategy: 50 }, disableOfflineQueue: true };
  const cluster = createCluster({ rootNodes, defaults });
  cluster.on("error", () => {});
  await cluster.connect();
  for (const key of keys) {
    assert.strictEqual(await again(() => cluster.set(key, "before")), "OK");
  }
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
