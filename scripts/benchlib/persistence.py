"""Saving, loading, copying to a replica, and what others notice of it.

Every figure is measured on both servers in turn, one after the other; servers are pinned to core 0,
load and probes to core 1. All of them go before whatever else the machine does, if we may ask for
that.
"""

import multiprocessing
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

from .latency import probe, spread
from .server import LOAD_CORE, Server, pinned, request, urgently

VALUE = "v" * 64
FILL_PIPELINE = 64


def benchmark(server, requests, keys, pipeline=1, clients=50):
    """SETs random keys; requests per second."""
    command = ["redis-benchmark", "-p", server.port, "-n", requests, "-c", clients, "-P", pipeline]
    command += ["-r", keys, "--csv", "SET", "key:__rand_int__", VALUE]
    command = urgently(pinned(LOAD_CORE, [str(word) for word in command]))
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.strip().split("\n")[-1].split(",")[1].strip('"'))


def until(what, condition, limit=300):
    """Seconds until the condition holds."""
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > limit:
            sys.exit(f"{what} takes longer than {limit} seconds")
        time.sleep(0.01)
    return time.monotonic() - begun


def info_text(server, section):
    with server.connect() as link:
        link.sendall(request(["INFO", section]))
        replies = link.makefile("rb")
        return replies.read(int(replies.readline()[1:])).decode()


def field(server, section, name):
    found = re.search(rf"^{name}:([^\r\n]*)", info_text(server, section), re.M)
    return found.group(1) if found else ""


def family_rss(pid):
    """Resident bytes of a process and its children; pages they share count once for each that has
    changed them, as far as the kernel tells (Pss)."""
    total = 0
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for one in [str(pid), *children]:
        try:
            text = pathlib.Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:
            continue
        total += int(re.search(r"^Pss:\s+(\d+)", text, re.M).group(1)) * 1024
    return total


def saving(server):
    """Megabytes per second of SAVE, and of the load of what it wrote."""
    begun = time.monotonic()
    with server.connect() as link:
        link.settimeout(600)
        link.sendall(request(["SAVE"]))
        assert link.recv(100) == b"+OK\r\n", "SAVE"
    saved = time.monotonic() - begun
    size = os.stat(f"{server.folder}/dump.rdb").st_size / 1e6
    return size / saved, size


def loading(name, template, folder, size):
    """Megabytes per second from the start of the process until it serves the dataset."""
    begun = time.monotonic()
    server = Server(name, template.replace("{dir}", folder), urgent=True)
    until("loading", lambda: field(server, "persistence", "loading") == "0")
    took = time.monotonic() - begun
    server.stop()
    return size / took


def answers_during(server, keys, work):
    """Worst and 99.9th percentile of PING and GET in ms while `work` is done under a load of writes."""
    stop, results = multiprocessing.Event(), multiprocessing.Queue()
    asker = multiprocessing.Process(target=probe, args=(server.port, stop, results))
    asker.start()
    writer = multiprocessing.Process(target=benchmark, args=(server, 400_000, keys, 1, 5))
    writer.start()
    time.sleep(0.5)
    begun = time.perf_counter_ns()
    work()
    ended = time.perf_counter_ns()
    stop.set()
    took = results.get()
    asker.join()
    writer.join()
    return spread([ns for kind in took.values() for at, ns in kind if begun <= at <= ended])


def beside_bgsave(server, keys):
    """The same of a snapshot, and the peak of memory in MB beyond what was there before."""
    before = peak = family_rss(server.process.pid)

    def save():
        nonlocal peak
        server.call("BGSAVE")
        while field(server, "persistence", "rdb_bgsave_in_progress") == "1":
            peak = max(peak, family_rss(server.process.pid))
            time.sleep(0.05)  # looking costs the server something, too

    return *answers_during(server, keys, save), (peak - before) / 1e6


def full_sync(name, template, primary):
    """Seconds until an empty replica has everything."""
    replica = Server(name, template, urgent=True)
    try:
        begun = time.monotonic()
        replica.call("REPLICAOF", "127.0.0.1", str(primary.port))
        up = lambda: field(replica, "replication", "master_link_status") == "up"
        until("a full sync", up)
        return time.monotonic() - begun
    finally:
        replica.stop()


def replicated(name, template, keys):
    """CPU ns per SET at pipeline 16, of a primary and its replica together."""
    primary, replica = (Server(name, template, urgent=True) for _ in range(2))
    try:
        replica.call("REPLICAOF", "127.0.0.1", str(primary.port))
        until("a link", lambda: field(replica, "replication", "master_link_status") == "up")
        benchmark(primary, 200_000, keys, 16)
        before = primary.cpu_ns() + replica.cpu_ns()
        benchmark(primary, 1_000_000, keys, 16)
        offset = lambda server: field(server, "replication", "master_repl_offset")
        until("the replica", lambda: offset(primary) == offset(replica))
        return (primary.cpu_ns() + replica.cpu_ns() - before) / 1_000_000
    finally:
        replica.stop()
        primary.stop()


def measure(templates, keys, rounds):
    """[(what, {server: figure}, the goal)]"""
    rows = {}

    def note(what, name, figure):
        rows.setdefault(what, {})[name] = figure
        print(f"{what:48} {name:14} {figure:12.3f}", file=sys.stderr)

    for name, template in templates:
        template += " --repl-diskless-sync-delay 0"
        server = Server(name, template, urgent=True)
        try:
            benchmark(server, 2 * keys, keys, FILL_PIPELINE)
            speeds = [saving(server) for _ in range(rounds)]
            note("SAVE, MB/s", name, statistics.median(speed for speed, _ in speeds))
            # What the machine does besides shows here, too.
            worst, p999 = answers_during(server, keys, lambda: time.sleep(3))
            note("without a snapshot: worst answer, ms", name, worst)
            note("without a snapshot: p99.9, ms", name, p999)
            saved = [beside_bgsave(server, keys) for _ in range(rounds)]
            worst, p999, memory = (statistics.median(figures) for figures in zip(*saved))
            note("beside BGSAVE: worst answer, ms", name, worst)
            note("beside BGSAVE: p99.9, ms", name, p999)
            note("beside BGSAVE: peak of additional memory, MB", name, memory)
            times = [full_sync(name, template, server) for _ in range(rounds)]
            note("full sync of a replica, s", name, statistics.median(times))
            size = speeds[0][1]
            loads = [loading(name, template, server.folder, size) for _ in range(rounds)]
            note("load, MB/s", name, statistics.median(loads))
        finally:
            server.stop()
        note("SET P16 with a replica: CPU of both, ns", name, replicated(name, template, keys))
    return rows


def table(rows, ours, other):
    lines = ["| what | redpoll | theirs | ratio |", "|---|---|---|---|"]
    for what, figures in rows.items():
        one, two = figures[ours], figures[other]
        ratio = f"{one / two:.2f}" if two else "-"
        lines.append(f"| {what} | {one:,.2f} | {two:,.2f} | **{ratio}** |")
    return lines + [""]
