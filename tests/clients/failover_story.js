// What failover_client.py does, for clients of Node.
"use strict";

const assert = require("node:assert");
const readline = require("node:readline");

const ports = process.argv.slice(2).map(Number);
const input = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
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

async function main(name, connect, messages) {
  const keys = Array.from({ length: 100 }, (_, n) => `${name}:${n}`);
  const cluster = await connect();
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

module.exports = { again, main, ports };
