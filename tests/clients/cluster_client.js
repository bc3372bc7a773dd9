// Uses a cluster as an application would, through ioredis. Arguments: PORT…
//
// To have a node restarted it prints `restart PORT` and waits for a line on its input. Prints
// `passed` at the end; any failure ends the process with an error.
"use strict";

const assert = require("node:assert");
const readline = require("node:readline");
const Redis = require("ioredis");

const ports = process.argv.slice(2).map(Number);
const input = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function manyKeys(cluster) {
  const keys = Array.from({ length: 3000 }, (_, n) => `key:${n}`);
  await Promise.all(keys.map((key) => cluster.set(key, `value of ${key}`, "EX", 1000)));
  const values = await Promise.all(keys.map((key) => cluster.get(key)));
  assert.deepStrictEqual(values, keys.map((key) => `value of ${key}`));

  const scanned = new Set();
  for (const node of cluster.nodes("master")) {
    for await (const page of node.scanStream({ match: "key:*", count: 500 })) {
      page.forEach((key) => scanned.add(key));
    }
  }
  assert.strictEqual(scanned.size, keys.length);
}

async function pipelines(cluster) {
  const results = await cluster
    .pipeline()
    .set("{p}a", "1")
    .incr("{p}a")
    .mset("{p}b", "2", "{p}c", "3")
    .mget("{p}a", "{p}b", "{p}c", "{p}d")
    .exec();
  assert.deepStrictEqual(results, [
    [null, "OK"],
    [null, 2],
    [null, "OK"],
    [null, ["2", "2", "3", null]],
  ]);
}

async function hashes(cluster) {
  const fields = Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`f${n}`, `v${n}`]));
  assert.strictEqual(await cluster.hset("hash", fields), 300);
  assert.deepStrictEqual(await cluster.hgetall("hash"), fields);
  assert.deepStrictEqual(await cluster.hmget("hash", "f7", "none"), ["v7", null]);
}

async function expiry(cluster) {
  await cluster.set("short", "x", "PX", 20);
  const deadline = Date.now() + 60_000;
  while ((await cluster.get("short")) !== null) {
    assert(Date.now() < deadline, "a key outlived its expiry");
  }
  await cluster.set("long", "x");
  assert.strictEqual(await cluster.expire("long", 100), 1);
  const left = await cluster.ttl("long");
  assert(left > 0 && left <= 100, `${left} s are left`);
}

async function refusals(cluster) {
  await cluster.set("word", "x");
  await assert.rejects(cluster.incr("word"), /ERR value is not an integer or out of range/);
  await assert.rejects(cluster.hget("word", "f"), /WRONGTYPE/);
  await assert.rejects(cluster.mget("k1", "k2"), /CROSSSLOT|same slot/);
}

async function restart(cluster) {
  const slots = await cluster.cluster("SLOTS");
  console.log(`restart ${slots[0][2][1]}`);
  await input.next();
  const keys = Array.from({ length: 100 }, (_, n) => `after:${n}`);
  const deadline = Date.now() + 120_000;
  for (;;) {
    try {
      await Promise.all(keys.map((key) => cluster.set(key, "x")));
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

async function main() {
  const nodes = ports.map((port) => ({ host: "127.0.0.1", port }));
  const cluster = new Redis.Cluster(nodes, {
    slotsRefreshTimeout: 60_000,
    clusterRetryStrategy: (attempt) => (attempt > 2000 ? null : 50),
    redisOptions: { retryStrategy: () => 50, maxRetriesPerRequest: 1000, connectTimeout: 60_000 },
  });
  for (const story of [manyKeys, pipelines, hashes, expiry, refusals, restart]) {
    await story(cluster);
    console.log(`# ${story.name}`);
  }
  console.log("passed");
  cluster.disconnect();
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
