"""Uses one node as an application would, through redis-py or valkey-py. Arguments: LIBRARY
PROTOCOL PORT.

Prints `passed` at the end; any failure is an exception.
"""

import importlib
import sys
import threading

redis = importlib.import_module(sys.argv[1])
PROTOCOL, PORT = int(sys.argv[2]), int(sys.argv[3])


def connect(**more):
    return redis.Redis(port=PORT, protocol=PROTOCOL, decode_responses=True, **more)


def equal(found, expected):
    assert found == expected, f"expected {expected!r}, found {found!r}"


def collections(node):
    equal(node.rpush("list", *range(1000)), 1000)
    equal(node.lrange("list", -3, -1), ["997", "998", "999"])
    equal(node.lmove("list", "other", "LEFT", "RIGHT"), "0")
    equal(node.sadd("set", *range(1000)), 1000)
    equal(set(node.smembers("set")), {str(n) for n in range(1000)})
    equal(node.hset("hash", mapping={f"f{n}": n for n in range(1000)}), 1000)
    equal(len(node.hgetall("hash")), 1000)
    equal(node.zadd("zset", {f"m{n}": n / 2 for n in range(1000)}), 1000)
    equal(node.zrank("zset", "m500"), 500)
    pairs = [list(pair) for pair in node.zrange("zset", 0, 1, withscores=True)]
    equal(pairs, [["m0", 0.0], ["m1", 0.5]])
    equal(node.zrangebyscore("zset", 499, "+inf"), ["m998", "m999"])
    equal(node.pfadd("hll", *range(1000)), 1)
    assert 980 <= node.pfcount("hll") <= 1020
    equal(node.geoadd("geo", (13.361389, 38.115556, "Palermo")), 1)
    equal(node.geosearch("geo", longitude=13, latitude=38, radius=100, unit="km"), ["Palermo"])
    equal(len(list(node.hscan_iter("hash"))), 1000)
    equal(len(list(node.zscan_iter("zset"))), 1000)
    equal(sorted(node.sscan_iter("set"), key=int), [str(n) for n in range(1000)])


def transactions(node):
    with node.pipeline() as pipe:
        pipe.set("balance", 10).incrby("balance", 5).get("balance")
        equal(pipe.execute(), [True, 15, "15"])

    def add_one(pipe):
        balance = int(pipe.get("balance"))
        pipe.multi()
        pipe.set("balance", balance + 1)

    def work():
        mine = connect()
        for _ in range(100):
            mine.transaction(add_one, "balance")

    threads = [threading.Thread(target=work) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    equal(node.get("balance"), "415")


def waiting(node):
    results = []
    taker = threading.Thread(target=lambda: results.append(connect().blpop("queue", timeout=60)))
    taker.start()
    while node.info("clients")["blocked_clients"] == 0:
        pass
    node.rpush("queue", "job")
    taker.join()
    equal([list(result) for result in results], [["queue", "job"]])
    equal(node.blpop("queue", timeout=0.01), None)


def messages(node):
    listener = connect().pubsub()
    listener.subscribe("news")
    listener.psubscribe("n*")
    equal([listener.get_message(timeout=60)["type"] for _ in range(2)], ["subscribe", "psubscribe"])
    equal(node.publish("news", "hello"), 2)
    told = [listener.get_message(timeout=60) for _ in range(2)]
    told = [(message["type"], message["data"]) for message in told]
    equal(told, [("message", "hello"), ("pmessage", "hello")])
    node.config_set("notify-keyspace-events", "KEA")
    events = connect().pubsub()
    events.psubscribe("__keyevent@0__:*")
    events.get_message(timeout=60)
    node.set("noted", 1)
    equal(events.get_message(timeout=60)["channel"], "__keyevent@0__:set")


def streams(node):
    equal(node.xgroup_create("stream", "workers", id="0", mkstream=True), True)
    ids = [node.xadd("stream", {"n": n}) for n in range(10)]
    got = node.xreadgroup("workers", "one", {"stream": ">"}, count=4)
    entries = got["stream"][0] if isinstance(got, dict) else got[0][1]
    equal([entry[0] for entry in entries], ids[:4])
    equal(node.xack("stream", "workers", *ids[:2]), 2)
    equal(node.xpending("stream", "workers")["pending"], 2)
    equal(node.xautoclaim("stream", "workers", "two", min_idle_time=0)[1][0][0], ids[2])
    equal(node.xinfo_stream("stream")["length"], 10)


def users(node):
    rules = ["+get", "+ping", "+@connection"]
    node.acl_setuser("reader", enabled=True, passwords=["+secret"], keys=["list*"], commands=rules)
    node.set("list:note", "text")
    reader = connect(username="reader", password="secret")
    equal(reader.get("list:note"), "text")
    for refused in (lambda: reader.get("set"), lambda: reader.delete("list:note")):
        try:
            refused()
            raise AssertionError("it was not refused")
        except redis.exceptions.NoPermissionError:
            pass
    try:
        connect(username="reader", password="wrong").ping()
        raise AssertionError("a wrong password was accepted")
    except redis.exceptions.AuthenticationError:
        pass


def caching(node):
    """What a client keeps by itself is forgotten when another one changes it."""
    if PROTOCOL != 3 or redis.__name__ != "redis":
        return
    from redis.cache import CacheConfig

    cached = connect(cache_config=CacheConfig())
    node.set("cached", "old")
    equal([cached.get("cached") for _ in range(3)], ["old"] * 3)
    equal(len(cached.get_cache().collection), 1)
    node.set("cached", "new")
    while cached.get("cached") != "new":
        pass


node = connect()
for story in (collections, transactions, waiting, messages, streams, users, caching):
    story(node)
print("passed")
