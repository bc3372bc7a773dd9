"""Uses a cluster as an application would, through redis-py. Arguments: PROTOCOL PORT…

To have a node restarted it prints `restart PORT` and waits for a line on its input. Prints `passed`
at the end; any failure is an exception.
"""

import sys
import time

import redis
from redis.backoff import ConstantBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.crc import key_slot
from redis.retry import Retry

PROTOCOL, PORTS = int(sys.argv[1]), [int(port) for port in sys.argv[2:]]
SLOTS = 16384


def key_for_every_slot():
    keys, n = {}, 0
    while len(keys) < SLOTS:
        key = f"key:{n}"
        keys.setdefault(key_slot(key.encode()), key)
        n += 1
    return [keys[slot] for slot in range(SLOTS)]


def equal(found, expected):
    assert found == expected, f"expected {expected!r}, found {found!r}"


def every_slot(cluster):
    keys = key_for_every_slot()
    for start in range(0, SLOTS, 2048):
        part = keys[start : start + 2048]
        pipe = cluster.pipeline()
        for key in part:
            pipe.set(key, f"value of {key}", ex=1000)
        equal(pipe.execute(), [True] * len(part))
        pipe = cluster.pipeline()
        for key in part:
            pipe.get(key)
        equal(pipe.execute(), [f"value of {key}" for key in part])
    equal(sorted(cluster.scan_iter(count=1000)), sorted(keys))
    equal(cluster.dbsize(target_nodes=RedisCluster.PRIMARIES), SLOTS)
    equal(len(cluster.keys("key:*", target_nodes=RedisCluster.PRIMARIES)), SLOTS)
    for key in keys[::1000]:
        assert 500 <= cluster.ttl(key) <= 1000
        equal(cluster.delete(key), 1)
        equal(cluster.get(key), None)


def strings(cluster):
    equal(cluster.set("a", "1"), True)
    equal(cluster.incrby("a", 41), 42)
    equal(cluster.append("a", "!"), 3)
    equal(cluster.getrange("a", 0, 1), "42")
    equal(cluster.set("a", "x", nx=True), None)
    equal(cluster.set("a", "x", get=True), "42!")
    equal(cluster.strlen("a"), 1)
    equal(cluster.exists("a"), 1)


def several_keys(cluster):
    equal(cluster.mset({"{tag}1": "one", "{tag}2": "two"}), True)
    equal(cluster.mget("{tag}1", "{tag}2", "{tag}3"), ["one", "two", None])
    equal(cluster.mset_nonatomic({"k1": "1", "k2": "2", "k3": "3"}), [True] * 3)
    equal(cluster.mget_nonatomic("k1", "k2", "k3"), ["1", "2", "3"])
    node = cluster.get_node_from_key("{tag}1")
    plain = redis.Redis(port=node.port, protocol=PROTOCOL)
    try:
        plain.mget("k1", "k2")
        raise AssertionError("keys of two slots were accepted")
    except redis.ResponseError as error:
        assert "CROSSSLOT" in type(error).__name__.upper() + str(error).upper(), repr(error)
    other = next(port for port in PORTS if port != node.port)
    try:
        redis.Redis(port=other, protocol=PROTOCOL).get("{tag}1")
        raise AssertionError("a node answered for a slot that it does not own")
    except redis.ResponseError as error:
        assert "MOVED" in type(error).__name__.upper() + str(error).upper(), repr(error)


def hashes(cluster):
    mapping = {f"field{n}": f"value{n}" for n in range(300)}
    equal(cluster.hset("hash", mapping=mapping), 300)
    equal(cluster.hgetall("hash"), mapping)
    equal(cluster.hmget("hash", ["field7", "none"]), ["value7", None])
    equal(cluster.hincrby("counts", "a", 5), 5)
    equal(cluster.hlen("hash"), 300)
    equal(dict(cluster.hscan_iter("hash")), mapping)
    equal(cluster.hdel("hash", "field1", "none"), 1)


def expiry(cluster):
    cluster.set("short", "x", px=20)
    deadline = time.monotonic() + 60
    while cluster.get("short") is not None:
        assert time.monotonic() < deadline, "a key outlived its expiry"
        time.sleep(0.005)
    cluster.set("long", "x")
    equal(cluster.expire("long", 100), True)
    assert 0 < cluster.ttl("long") <= 100
    equal(cluster.persist("long"), True)
    equal(cluster.ttl("long"), -1)


def binary(cluster):
    node = cluster.get_node_from_key("bytes")
    plain = redis.Redis(port=node.port, protocol=PROTOCOL)
    value = bytes(range(256)) * 1000
    equal(plain.set("bytes", value), True)
    equal(plain.get("bytes"), value)


def restart(cluster):
    port = cluster.get_node_from_key("a").port
    print(f"restart {port}", flush=True)
    sys.stdin.readline()
    deadline = time.monotonic() + 120
    while True:
        try:
            equal(cluster.set("a", "after"), True)
            equal(cluster.get("a"), "after")
            return
        except (redis.RedisError, OSError) as error:
            assert time.monotonic() < deadline, f"no reconnection: {error!r}"
            time.sleep(0.05)


def main():
    cluster = RedisCluster(
        startup_nodes=[ClusterNode("127.0.0.1", port) for port in PORTS],
        protocol=PROTOCOL,
        decode_responses=True,
        retry=Retry(ConstantBackoff(0.05), 5),
    )
    equal(cluster.ping(target_nodes=RedisCluster.ALL_NODES), True)
    for story in (every_slot, strings, several_keys, hashes, expiry, binary, restart):
        story(cluster)
        print(f"# {story.__name__}", flush=True)
    print("passed", flush=True)


main()
