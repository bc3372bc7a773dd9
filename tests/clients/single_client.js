// Uses one node as an application would, through ioredis. Argument: PORT. Prints `passed` at the
// end; any failure ends the process with an error.
"use strict";

const assert = require("node:assert");
const Redis = require("ioredis");

const connect = () => new Redis(Number(process.argv[2]), { connectTimeout: 60_000 });

async function collections(node) {
  assert.strictEqual(await node.rpush("list", "a", "b", "c"), 3);
  assert.deepStrictEqual(await node.lrange("list", 0, -1), ["a", "b", "c"]);
  assert.strictEqual(await node.zadd("zset", 1, "one", 2.5, "two"), 2);
  const range = await node.zrange("zset", 0, -1, "WITHSCORES");
  assert.deepStrictEqual(range, ["one", "1", "two", "2.5"]);
  assert.strictEqual(await node.sadd("set", 1, 2, 3), 3);
  assert.deepStrictEqual(await node.smembers("set"), ["1", "2", "3"]);
  assert.deepStrictEqual(await node.geoadd("geo", 13.36, 38.11, "Palermo"), 1);
}

async function transactions(node) {
  const results = await node.multi().set("k", "1").incr("k").lpush("k", "x").exec();
  assert.deepStrictEqual(results.slice(0, 2), [[null, "OK"], [null, 2]]);
  assert.match(results[2][0].message, /^WRONGTYPE/);
  await node.watch("k");
  const other = connect();
  await other.set("k", "changed");
  other.disconnect();
  assert.strictEqual(await node.multi().get("k").exec(), null);
}

async function waiting(node) {
  const taker = connect();
  const taken = taker.blpop("queue", 20);
  while (!(await node.info("clients")).includes("blocked_clients:1\r\n"));
  await node.rpush("queue", "job");
  assert.deepStrictEqual(await taken, ["queue", "job"]);
  taker.disconnect();
}

async function messages(node) {
  const listener = connect();
  await listener.subscribe("news");
  const message = new Promise((resolve) => {
    listener.on("message", (channel, text) => resolve([channel, text]));
  });
  assert.strictEqual(await node.publish("news", "hello"), 1);
  assert.deepStrictEqual(await message, ["news", "hello"]);
  listener.disconnect();
}

async function streams(node) {
  const reader = connect();
  const read = reader.xread("BLOCK", 20000, "STREAMS", "stream", "$");
  while (!(await node.info("clients")).includes("blocked_clients:1\r\n"));
  const id = await node.xadd("stream", "*", "field", "value");
  assert.deepStrictEqual(await read, [["stream", [[id, ["field", "value"]]]]]);
  reader.disconnect();
}

async function main() {
  const node = connect();
  for (const story of [collections, transactions, waiting, messages, streams]) {
    await story(node);
  }
  node.disconnect();
  console.log("passed");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
