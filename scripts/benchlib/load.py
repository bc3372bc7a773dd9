"""CPU time per request under redis-benchmark, for strings and for collections."""

import random
import statistics
import subprocess
import sys

from .server import LOAD_CORE, pinned, request

KEYS = 1_000_000
CLIENTS = 50
VALUE = "v" * 64
# Members and fields of sixteen bytes once twelve digits are in.
MEMBER = "mbr:__rand_int__"


class Workload:
    """What redis-benchmark sends. `__rand_int__` becomes twelve digits below KEYS. `fresh` names a
    key that is removed before every run, so that a run starts from nothing."""

    def __init__(self, words, fresh=None, scale=1.0):
        self.words = words
        self.fresh = fresh
        self.scale = scale


STRINGS = {
    "SET": Workload(["SET", "key:__rand_int__", VALUE]),
    "GET": Workload(["GET", "key:__rand_int__"]),
    "INCR": Workload(["INCR", "cnt:__rand_int__"]),
    "HSET": Workload(["HSET", "hsh:__rand_int__", "field", VALUE]),
    "MSET(10)": Workload(["MSET"] + ["key:__rand_int__", VALUE] * 10, scale=0.2),
}
COLLECTIONS = {
    "LPUSH": Workload(["LPUSH", "list", MEMBER]),
    "RPOP": Workload(["RPOP", "list"]),
    "LRANGE 0 99": Workload(["LRANGE", "list", "0", "99"], scale=0.2),
    "HSET, new": Workload(["HSET", "hash:new", "fld:__rand_int__", VALUE], fresh="hash:new"),
    "HSET, there": Workload(["HSET", "hash", "fld:__rand_int__", VALUE]),
    "HSET, small": Workload(["HSET", "sml:__rand_int__", "field:3", "w" * 16]),
    "SADD, new": Workload(["SADD", "set:new", MEMBER], fresh="set:new"),
    "SADD, there": Workload(["SADD", "set", MEMBER]),
    "ZADD, new": Workload(["ZADD", "zset:new", "__rand_int__", MEMBER], fresh="zset:new"),
    "ZADD, there": Workload(["ZADD", "zset", "__rand_int__", MEMBER]),
    "ZRANK": Workload(["ZRANK", "zset", MEMBER]),
    "ZRANGE 0 99": Workload(["ZRANGE", "zset", "0", "99"], scale=0.2),
    "XADD": Workload(["XADD", "stream", "*", "field", VALUE], fresh="stream"),
}
REQUESTS = {1: 150_000, 16: 1_000_000, 64: 2_000_000}


def shuffled():
    order = list(range(KEYS))
    random.Random(1).shuffle(order)
    return order


def fill_strings(server):
    """Fills the keys the workloads use; returns resident bytes per string key."""
    order = shuffled()
    sets = [request(["SET", f"key:{n:012}", VALUE]) for n in order]
    before = server.rss()
    server.load(sets)
    bytes_per_key = (server.rss() - before) / KEYS
    server.load([request(["INCR", f"cnt:{n:012}"]) for n in order])
    server.load([request(["HSET", f"hsh:{n:012}", "field", VALUE]) for n in order])
    return bytes_per_key


def fill_collections(server):
    """One list, hash, set and sorted set of a million elements, and a million hashes of five."""
    order = shuffled()
    score = random.Random(2)
    server.load([request(["RPUSH", "list", f"mbr:{n:012}"]) for n in order])
    server.load([request(["HSET", "hash", f"fld:{n:012}", VALUE]) for n in order])
    server.load([request(["SADD", "set", f"mbr:{n:012}"]) for n in order])
    zadds = (["ZADD", "zset", str(score.randrange(KEYS)), f"mbr:{n:012}"] for n in order)
    server.load([request(words) for words in zadds])
    server.load([request(small_hash(n)) for n in order])


def small_hash(number):
    """A hash of five fields, each with sixteen bytes."""
    fields = [word for n in range(1, 6) for word in (f"field:{n}", "v" * 16)]
    return ["HSET", f"sml:{number:012}"] + fields


def run(server, workload, pipeline, requests):
    """One load run; returns (CPU ns per request, requests per second, p99 in ms)."""
    if workload.fresh:
        server.call("UNLINK", workload.fresh)
        server.wait_until_idle()
    command = ["redis-benchmark", "-p", server.port, "-c", CLIENTS, "-P", pipeline]
    command += ["-n", requests, "-r", KEYS, "--csv"] + workload.words
    before = server.cpu_ns()
    output = subprocess.run(
        pinned(LOAD_CORE, [str(word) for word in command]),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=300,
    )
    spent = server.cpu_ns() - before
    rows = [line.strip('"').split('","') for line in output.stdout.splitlines()]
    rows = [row for row in rows if len(row) > 6 and row[0] != "test"]
    if output.returncode != 0 or not rows:
        sys.exit(f"redis-benchmark failed on {server.name}:\n{output.stdout}{output.stderr}")
    return spent / requests, float(rows[-1][1]), float(rows[-1][6])


def measure(servers, workloads, cells, rounds, scale):
    """{(workload, pipeline): {server name: [(ns, rps, p99), …]}}"""
    results = {}
    for turn in range(rounds):
        for name, pipeline in cells:
            workload = workloads[name]
            requests = max(1000, int(REQUESTS[pipeline] * scale * workload.scale))
            # Whoever goes first in one round goes last in the next.
            for server in servers if turn % 2 == 0 else reversed(servers):
                sample = run(server, workload, pipeline, requests)
                cell = results.setdefault((name, pipeline), {})
                cell.setdefault(server.name, []).append(sample)
                print(
                    f"round {turn + 1}/{rounds}  {name:11} P{pipeline:<2} {server.name:14}"
                    f"{sample[0]:8.0f} ns/request {sample[1]:12,.0f} requests/s",
                    file=sys.stderr,
                )
    return results


def table(results, ours, other):
    """Markdown lines: ratios ours/theirs of the medians, with the medians they come from."""
    lines = [
        f"### redpoll against {other}",
        "",
        "| command | pipeline | CPU/request ratio | redpoll ns | theirs ns "
        "| requests/s ratio | redpoll | theirs | p99 ms redpoll | theirs |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for (name, pipeline), cell in results.items():
        mine, theirs = ([median(cell[s], column) for column in range(3)] for s in (ours, other))
        lines.append(
            f"| {name} | {pipeline} | **{mine[0] / theirs[0]:.2f}** "
            f"| {mine[0]:,.0f} | {theirs[0]:,.0f} | {mine[1] / theirs[1]:.2f} "
            f"| {mine[1]:,.0f} | {theirs[1]:,.0f} | {mine[2]:.2f} | {theirs[2]:.2f} |"
        )
    return lines + [""]


def median(samples, column):
    return statistics.median(sample[column] for sample in samples)
