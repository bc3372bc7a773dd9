"""Servers under test: started pinned to a core, filled, measured, stopped."""

import pathlib
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SERVER_CORE, LOAD_CORE = "0", "1"


class Server:
    """One server process under load, pinned unless told otherwise, on its own port and directory. An
    urgent one goes before whatever else the machine does, if we may ask for that."""

    def __init__(self, name, template, urgent=False, is_pinned=True):
        self.name = name
        self.folder = tempfile.mkdtemp(prefix="redpoll-bench-")
        self.port = free_port()
        command = shlex.split(template.format(port=self.port, dir=self.folder))
        command = urgently(command) if urgent else command
        command = pinned(SERVER_CORE, command) if is_pinned else command
        self.log = open(f"{self.folder}/log", "wb")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT)
        self.wait_until_ready()

    def wait_until_ready(self):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.call("PING") == b"+PONG":
                    return
            except OSError:
                time.sleep(0.05)
        log = pathlib.Path(self.folder, "log").read_text(errors="replace")
        self.stop()
        sys.exit(f"{self.name} did not start:\n{log}")

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def call(self, *words):
        """One command; returns the first line of its reply."""
        with self.connect() as link:
            link.sendall(request(words))
            return link.makefile("rb").readline().rstrip()

    def cpu_ns(self):
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)

    def rss(self):
        """Resident bytes, once they stopped changing."""
        seen = [-1, -2]
        deadline = time.monotonic() + 10
        while seen[-1] != seen[-2] and time.monotonic() < deadline:
            time.sleep(0.3)
            status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
            line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
            seen.append(int(line.split()[1]) * 1024)
        return seen[-1]

    def wait_until_idle(self):
        """Until what was removed is freed: no thread has work left."""
        seen, deadline = -1, time.monotonic() + 30
        while time.monotonic() < deadline:
            now = self.cpu_ns()
            if now - seen < 2_000_000:
                return
            seen = now
            time.sleep(0.1)

    def info(self, field):
        """One figure of INFO."""
        with self.connect() as link:
            link.sendall(request(["INFO"]))
            replies = link.makefile("rb")
            text = replies.read(int(replies.readline()[1:])).decode()
        line = next(line for line in text.split("\r\n") if line.startswith(field + ":"))
        return int(line.split(":")[1])

    def load(self, commands):
        """Sends all commands in pipelines of a thousand and checks that none was refused."""
        with self.connect() as link:
            replies = link.makefile("rb")
            for start in range(0, len(commands), 1000):
                chunk = commands[start : start + 1000]
                link.sendall(b"".join(chunk))
                for _ in chunk:
                    line = replies.readline()
                    if line[:1] not in (b"+", b":"):
                        sys.exit(f"{self.name} answered {line!r} while being filled")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def pinned(core, command):
    return ["taskset", "-c", core] + command


def urgently(command):
    """Nobody but root may ask for precedence; nice then runs the command all the same."""
    return ["nice", "-n", "-20"] + command


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def request(words):
    parts = [word if isinstance(word, bytes) else word.encode() for word in words]
    bulks = b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
    return b"*%d\r\n%s" % (len(parts), bulks)
