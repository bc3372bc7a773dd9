// Uses one node as an application would, through node-redis. Arguments: PORT.
//
// Prints `passed` at the end; any failure ends the process with an error.
"use strict";

const assert = require("node:assert");
const { createClient } = require("redis");

const port = Number(process.argv[2]);

async function connect(more) {
  const client = createClient({ socket: { host: "127.0.0.1", port }, ...more });
  await client.connect();
  return client;
}

async function collections(node) {
  const members = Array.from({ length: 1000 }, (_, n) => ({ score: n / 2, value: `m${n}` }));
  assert.strictEqual(await node.zAdd("zset", members), 1000);
  assert.strictEqual(await node.zScore("zset", "m501"), 250.5);
  assert.deepStrictEqual(await node.zRangeWithScores("zset", 0, 1), members.slice(0, 2));
  const fields = Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`f${n}`, `v${n}`]));
  assert.strictEqual(await node.hSet("hash", fields), 300);
  assert.deepStrictEqual({ ...(await node.hGetAll("hash")) }, fields);
  assert.strictEqual(await node.rPush("list", ["a", "b", "c"]), 3);
  assert.deepStrictEqual(await node.lRange("list", 0, -1), ["a", "b", "c"]);
  const id = await node.xAdd("stream", "*", { field: "value" });
  const [entry] = await node.xRange("stream", "-", "+");
  assert.deepStrictEqual([entry.id, entry.message.field], [id, "value"]);
  let scanned = 0;
  for await (const keys of node.scanIterator()) {
    scanned += keys.length;
  }
  assert.strictEqual(scanned, 4);
}

async function transactions(node) {
  const replies = await node.multi().set("n", "1").incr("n").get("n").exec();
  assert.deepStrictEqual(replies, ["OK", 2, "2"]);
  await assert.rejects(node.hGet("n", "field"), /WRONGTYPE/);
}

async function messages(node, more) {
  const listener = await connect(more);
  const heard = new Promise((resolve) => listener.subscribe("news", resolve).then(async () => {
    assert.strictEqual(await node.publish("news", "hello"), 1);
  }));
  assert.strictEqual(await heard, "hello");
  listener.destroy();
}

async function users(node, more) {
  await node.sendCommand("ACL SETUSER reader on >secret ~zset +zscore +@connection".split(" "));
  const reader = await connect({ ...more, username: "reader", password: "secret" });
  assert.strictEqual(await reader.zScore("zset", "m2"), 1);
  await assert.rejects(reader.zRem("zset", "m2"), /NOPERM/);
  reader.destroy();
}

// What a client keeps by itself is forgotten when another one changes it.
async function caching(node) {
  const cached = await connect({ RESP: 3, clientSideCache: { ttl: 0, maxEntries: 100 } });
  await node.set("cached", "old");
  assert.strictEqual(await cached.get("cached"), "old");
  assert.strictEqual(await cached.get("cached"), "old");
  await node.set("cached", "new");
  while ((await cached.get("cached")) !== "new") {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  cached.destroy();
}

async function main() {
  for (const RESP of [2, 3]) {
    const node = await connect({ RESP });
    await node.flushAll();
    await collections(node);
    await transactions(node);
    await messages(node, { RESP });
    await users(node, { RESP });
    node.destroy();
  }
  const node = await connect({ RESP: 3 });
  await caching(node);
  node.destroy();
  console.log("passed");
}

main();
