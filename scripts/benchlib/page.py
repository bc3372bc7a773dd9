"""docs/benchmarks.md: one section per suite; a run replaces those that it measured."""

import datetime
import pathlib
import platform
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HEAD = """# Benchmarks

Every section says how it was made. Sections that name a suite are written by `scripts/bench`; do
not edit those. Lower is better for CPU time, bytes and milliseconds, higher for requests/s. CPU per
request is the time that the server's threads spent on a core. Requests/s are bounded by the single
load generator core.
"""


def machine():
    text = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":", 1)[1].strip() for line in text if line.startswith("model name")]
    cores = len([line for line in text if line.startswith("processor")])
    return f"{models[0] if models else platform.machine()}, {cores} cores, Linux {platform.release()}"


def commit():
    def git(*words):
        done = subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True)
        return done.stdout.strip()

    changed = " (with uncommitted changes)" if git("status", "--porcelain", "src") else ""
    return (git("rev-parse", "--short", "HEAD") or "unknown") + changed


def section(title, command, notes, lines):
    """A section with what it takes to understand and to repeat it."""
    version = subprocess.run(["redis-server", "--version"], capture_output=True, text=True).stdout
    return "\n".join(
        [
            f"## {title}",
            "",
            f"`{command}`, commit {commit()}, {datetime.date.today()}, {machine()},",
            f"reference: {version.split(' sha')[0]}.",
            *notes,
            "",
            *lines,
        ]
    )


def write(path, sections):
    """Replaces the sections with the same titles, and adds those that are new after the rest."""
    path = pathlib.Path(path)
    text = path.read_text() if path.exists() else ""
    present = {}
    for part in text.split("\n## ")[1:]:
        present[part.split("\n", 1)[0]] = "## " + part.strip("\n") + "\n"
    for title, body in sections.items():
        present[title] = body.strip("\n") + "\n"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([HEAD, *present.values()]))
