"""How long others wait while a huge collection goes away.

One process asks PING and GET in turn, as fast as answers come, while another connection removes a
collection. Its keys are in other slots than the collection's.
"""

import multiprocessing
import os
import socket
import sys
import time

from .server import LOAD_CORE, Server, request

CHUNK = 500
# How long after the removal the probe goes on: freeing in the background counts, too.
AFTER_SECONDS = 2.0
OTHER_KEY = "elsewhere"


def list_words(start, end):
    return ["RPUSH", "big"] + [f"mbr:{n:012}" for n in range(start, end)]


def hash_words(start, end):
    pairs = [word for n in range(start, end) for word in (f"fld:{n:012}", "v" * 16)]
    return ["HSET", "big"] + pairs


def set_words(start, end):
    return ["SADD", "big"] + [f"mbr:{n:012}" for n in range(start, end)]


def zset_words(start, end):
    return ["ZADD", "big"] + [w for n in range(start, end) for w in (str(n), f"mbr:{n:012}")]


WORDS = {"list": list_words, "hash": hash_words, "set": set_words, "zset": zset_words}
REMOVALS = {
    "DEL": ["DEL", "big"],
    "UNLINK": ["UNLINK", "big"],
    "PEXPIREAT 1": ["PEXPIREAT", "big", "1"],
    "FLUSHALL": ["FLUSHALL"],
}


def chunks(kind, elements):
    """Encoded commands that make the collection, and how many replies each chunk gets."""
    for start in range(0, elements, CHUNK):
        end = min(start + CHUNK, elements)
        if kind == "stream":
            adds = (["XADD", "big", f"{n + 1}-1", "field", "v" * 16] for n in range(start, end))
            yield b"".join(request(words) for words in adds), end - start
        else:
            yield request(WORDS[kind](start, end)), 1


def fill(server, encoded):
    with server.connect() as link:
        replies = link.makefile("rb")
        for data, count in encoded:
            link.sendall(data)
            for _ in range(count):
                line = replies.readline()
                if line[:1] == b"$":
                    line = replies.readline()
                if line[:1] == b"-":
                    sys.exit(f"{server.name} answered {line!r} while being filled")
    server.call("SET", OTHER_KEY, "v")


def be_urgent():
    """So that what else the machine does is not measured; without the right to it, it is. Nice
    alone would not do: who has a core keeps it for milliseconds."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        print("not root: other processes are measured, too", file=sys.stderr)


def probe(port, stop, results):
    """Asks in turn until told to stop; what each answer took, in ns."""
    os.sched_setaffinity(0, {int(LOAD_CORE)})
    be_urgent()
    link = socket.create_connection(("127.0.0.1", port), timeout=60)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    questions = {"PING": request(["PING"]), "GET": request(["GET", OTHER_KEY])}
    took = {name: [] for name in questions}
    clock = time.perf_counter_ns
    while not stop.is_set():
        for _ in range(50):
            for name, question in questions.items():
                begun = clock()
                link.sendall(question)
                link.recv(4096)
                took[name].append((begun, clock() - begun))
    results.put(took)


def one(server, words):
    """Removes the collection under the probe; {question: [ns, …]} from the removal on, and how long
    the removal itself took."""
    stop, results = multiprocessing.Event(), multiprocessing.Queue()
    asker = multiprocessing.Process(target=probe, args=(server.port, stop, results))
    asker.start()
    time.sleep(0.5)
    with server.connect() as link:
        link.settimeout(120)
        begun = time.perf_counter_ns()
        link.sendall(request(words))
        link.recv(100)
        removal = time.perf_counter_ns() - begun
    time.sleep(AFTER_SECONDS)
    stop.set()
    took = results.get()
    asker.join()
    return {
        name: [ns for at, ns in samples if at + ns >= begun] for name, samples in took.items()
    }, removal


def measure(templates, elements):
    """[(kind, removal, {server: (worst PING, p99.9, worst GET, p99.9, removal) in ms})]"""
    rows = []
    for kind in [*WORDS, "stream"]:
        encoded = list(chunks(kind, elements))
        cells = {}
        for name, template in templates:
            server = Server(name, template, urgent=True)
            try:
                for removal, words in REMOVALS.items():
                    fill(server, encoded)
                    server.wait_until_idle()
                    took, removed = one(server, words)
                    figures = [figure for q in ("PING", "GET") for figure in spread(took[q])]
                    cells.setdefault(removal, {})[name] = (*figures, removed / 1e6)
                    shown = " ".join(f"{figure:9.2f}" for figure in cells[removal][name])
                    print(f"{kind:7} {removal:12} {name:14} {shown}", file=sys.stderr)
                    server.wait_until_idle()
            finally:
                server.stop()
        rows += [(kind, removal, row) for removal, row in cells.items()]
    return rows


def spread(samples):
    """The worst and the 99.9th percentile, in ms."""
    ordered = sorted(samples)
    return ordered[-1] / 1e6, ordered[int(len(ordered) * 0.999)] / 1e6


def table(rows, ours, other):
    lines = [
        "| type | removal | worst PING redpoll | theirs | p99.9 | theirs "
        "| worst GET redpoll | theirs | p99.9 | theirs | the removal | theirs |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for kind, removal, row in rows:
        pairs = [f"{one:.2f} | {two:.2f}" for one, two in zip(row[ours], row[other])]
        lines.append(f"| {kind} | {removal} | " + " | ".join(pairs) + " |")
    return lines + [""]
