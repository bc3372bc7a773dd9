"""Bytes per element of big collections and of small ones, as each server counts them itself."""

import random

from .load import KEYS, VALUE, small_hash
from .server import Server, request


def collections():
    """(what, key for MEMORY USAGE, commands)"""
    score = random.Random(2)
    numbers = range(KEYS)
    yield "sorted set of 1 M", "zset", (
        ["ZADD", "zset", str(score.randrange(KEYS)), f"mbr:{n:012}"] for n in numbers
    )
    yield "hash of 1 M, values of 16", "hash", (
        ["HSET", "hash", f"fld:{n:012}", "v" * 16] for n in numbers
    )
    yield "hash of 1 M, values of 64", "hash", (
        ["HSET", "hash", f"fld:{n:012}", VALUE] for n in numbers
    )
    yield "set of 1 M", "set", (["SADD", "set", f"mbr:{n:012}"] for n in numbers)
    yield "set of 1 M integers", "set", (["SADD", "set", str(n * 7919)] for n in numbers)
    yield "list of 1 M", "list", (["RPUSH", "list", f"mbr:{n:012}"] for n in numbers)
    yield "1 M hashes of 5", "sml:000000000001", (small_hash(n) for n in numbers)


def measure(templates):
    """[(what, {server: (used_memory, MEMORY USAGE, resident) per element or key})]"""
    rows = []
    for what, key, commands in collections():
        encoded = [request(words) for words in commands]
        row = {}
        for name, template in templates:
            server = Server(name, template)
            try:
                used, resident = server.info("used_memory"), server.rss()
                server.load(encoded)
                server.wait_until_idle()
                used, resident = server.info("used_memory") - used, server.rss() - resident
                usage = int(server.call("MEMORY", "USAGE", key, "SAMPLES", "0")[1:])
            finally:
                server.stop()
            share = usage if what.startswith("1 M") else usage / KEYS
            row[name] = (used / KEYS, share, resident / KEYS)
        rows.append((what, row))
    return rows


def table(rows, ours, other):
    lines = [
        "| what | used_memory ratio | redpoll | theirs | MEMORY USAGE redpoll | theirs "
        "| resident redpoll | theirs |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for what, row in rows:
        mine, theirs = row[ours], row[other]
        pairs = [f"{one:.1f} | {two:.1f}" for one, two in zip(mine, theirs)]
        lines.append(f"| {what} | **{mine[0] / theirs[0]:.2f}** | " + " | ".join(pairs) + " |")
    return lines + [""]
