"""Writes that are on disk before they are answered: `appendfsync always`.

Servers have all cores, as they have when somebody uses them, and share them with the load. The load
generator on one thread needs as long for a request as a server does; on two it is not what limits.
The files are where TMPDIR says.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time

from .server import Server, urgently

CLIENTS = 50
KEYS = 1_000_000
VALUE = "v" * 64
# Pipeline, threads of the load generator, requests.
CASES = [(1, 1, 100_000), (1, 2, 1_000_000), (16, 1, 1_600_000)]
BATCH_BYTES = 4000
SYNCS = 500


def case_name(pipeline, threads):
    return f"pipeline {pipeline}, {threads} load thread{'s' if threads > 1 else ''}"


def sync_ms():
    """Milliseconds to write and sync some kilobytes at the end of a file, and over written ones."""
    found = []
    with tempfile.TemporaryFile() as file:
        for _ in range(2):
            took = []
            for number in range(SYNCS):
                begun = time.perf_counter()
                os.pwrite(file.fileno(), b"#" * BATCH_BYTES, number * BATCH_BYTES)
                os.fdatasync(file.fileno())
                took.append(time.perf_counter() - begun)
            found.append(statistics.median(took) * 1000)
    return found


def synced_writes(name, template, pipeline, threads, requests):
    """Requests per second, and CPU ns that the server needs for one."""
    template += " --appendonly yes --appendfsync always"
    server = Server(name, template, urgent=True, is_pinned=False)
    command = ["redis-benchmark", "-p", server.port, "-n", requests, "-c", CLIENTS, "-r", KEYS]
    command += ["-P", pipeline, "--threads", threads, "--csv", "SET", "key:__rand_int__", VALUE]
    try:
        before = server.cpu_ns()
        command = urgently([str(word) for word in command])
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rate = float(done.stdout.strip().split("\n")[-1].split(",")[1].strip('"'))
        return rate, (server.cpu_ns() - before) / requests
    finally:
        server.stop()


def measure(templates, rounds):
    """{case: {server: [(requests/s, CPU ns)]}}"""
    results = {case_name(*case[:2]): {name: [] for name, _ in templates} for case in CASES}
    for number in range(rounds):
        for pipeline, threads, requests in CASES:
            for name, template in templates:
                case = case_name(pipeline, threads)
                results[case][name].append(
                    synced_writes(name, template, pipeline, threads, requests)
                )
                shown = results[case][name][-1]
                print(f"{number} {case:28} {name:14} {shown[0]:12.0f}", file=sys.stderr)
    return results


def table(results, ours, other):
    lines = [
        "| case | redpoll requests/s | theirs | ratio | redpoll CPU ns | theirs | ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    for case, servers in results.items():
        medians = [
            statistics.median(figures[index] for figures in servers[name])
            for index in (0, 1)
            for name in (ours, other)
        ]
        rate, their_rate, cpu, their_cpu = medians
        lines.append(
            f"| {case} | {rate:,.0f} | {their_rate:,.0f} | **{rate / their_rate:.2f}** "
            f"| {cpu:,.0f} | {their_cpu:,.0f} | {cpu / their_cpu:.2f} |"
        )
    return lines + [""]
