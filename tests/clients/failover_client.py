"""Uses a cluster through redis-py or valkey-py while one of its primaries crashes. Arguments:
LIBRARY PORT…

Prints `ready` once it has written everywhere, and waits for a line on its input, before which a
primary is killed. Prints `passed` when it has read and written everywhere again; any failure is an
exception.
"""

import importlib
import signal
import sys
import time

NAME, PORTS = sys.argv[1], [int(port) for port in sys.argv[2:]]
LIBRARY = importlib.import_module(NAME)
CLUSTER = importlib.import_module(f"{NAME}.cluster")
KEYS = [f"{NAME}:{n}" for n in range(100)]
PATIENCE_SECONDS = 180
signal.alarm(3 * PATIENCE_SECONDS)


def equal(found, expected):
    assert found == expected, f"expected {expected!r}, found {found!r}"


def again(what):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return what()
        except (LIBRARY.RedisError, CLUSTER.ClusterError, OSError) as error:
            assert time.monotonic() < deadline, f"the cluster is not back: {error!r}"
            time.sleep(0.05)


def messages(cluster):
    """A message to a channel of each shard."""
    channels = [f"{NAME}:channel:{n}" for n in range(12)]
    listener = cluster.pubsub()
    for channel in channels:
        listener.ssubscribe(channel)
    told, deadline = {}, time.monotonic() + PATIENCE_SECONDS
    for channel in channels:
        while channel not in told:
            again(lambda: cluster.spublish(channel, f"to {channel}"))
            message = listener.get_sharded_message(timeout=0.1)
            if message and message["type"] == "smessage":
                told[message["channel"]] = message["data"]
            assert time.monotonic() < deadline, f"only {told}"
    equal(told, {channel: f"to {channel}" for channel in channels})
    listener.close()


def main():
    make = getattr(CLUSTER, "RedisCluster", None) or CLUSTER.ValkeyCluster
    nodes = [CLUSTER.ClusterNode("127.0.0.1", port) for port in PORTS]
    backoff = importlib.import_module(f"{NAME}.backoff").ConstantBackoff(0.05)
    retry = importlib.import_module(f"{NAME}.retry").Retry(backoff, 3)
    more = {"retry": retry} if NAME == "redis" else {"cluster_error_retry_attempts": 3}
    cluster = make(startup_nodes=nodes, decode_responses=True, **more)
    for key in KEYS:
        equal(cluster.set(key, "before"), True)
    messages(cluster)
    print("ready", flush=True)
    sys.stdin.readline()
    for key in KEYS:
        assert again(lambda: cluster.get(key)) in ("before", None)
        equal(again(lambda: cluster.set(key, "after")), True)
    for key in KEYS:
        equal(again(lambda: cluster.get(key)), "after")
    messages(cluster)
    print("passed", flush=True)


main()
