"""Runs every suite, whatever the others say, and ends with each runner's closing line.

python -m tests.run [suite ...]
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Outcome:
    """How a suite ended: its exit code, and its closing line."""

    code: int
    closing: str


def _stream(command: list[str], cwd: Path, **environment: str) -> tuple[int, str]:
    """Run a command, show its output as it comes, and return its exit code and last line."""
    last = ""
    with subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            last = line.strip() or last
    return process.returncode, last


def _pytest(*arguments: str) -> Outcome:
    code, last = _stream([sys.executable, "-m", "pytest", "-q", *arguments], ROOT)
    return Outcome(code, last)


def python() -> Outcome:
    """Everything under tests/, file by file on every core; the models are small, one thread suits them."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    return _pytest("tests", "--durations=10", "-n", "auto", "--maxprocesses=4", "--dist", "loadfile")


def notebooks() -> Outcome:
    """Execute every notebook and compare what each cell shows with what is saved."""
    found = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "notebooks").glob("*.ipynb"))
    return _pytest(
        "-c",
        "tests/notebooks/pytest.ini",
        "--rootdir=.",
        "--nbval",
        "--nbval-current-env",
        "--nbval-sanitize-with=tests/notebooks/sanitize.cfg",
        *found,
    )


def front_end() -> Outcome:
    """The TypeScript tests; the counts are read from vitest's own report."""
    npm = shutil.which("npm")
    if npm is None:
        return Outcome(1, "npm is not installed")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "vitest.json"
        reporters = ["--reporter=default", "--reporter=json", f"--outputFile.json={report}"]
        code, last = _stream([npm, "test", "--", *reporters], ROOT / "js")
        if not report.exists():
            return Outcome(code or 1, last)
        counts = json.loads(report.read_text())
    # A file that does not load fails without a test in it.
    files = counts["testResults"]
    broken = sum(file["status"] == "failed" and not file["assertionResults"] for file in files)
    passed, failed = counts["numPassedTests"], counts["numFailedTests"] + broken
    return Outcome(code or int(passed == 0), f"{passed} passed, {failed} failed")


SUITES: dict[str, Callable[[], Outcome]] = {"vitest": front_end, "notebooks": notebooks, "pytest": python}


def main(names: list[str]) -> int:
    """Run the named suites (all by default); the exit code is 0 only if every one passed."""
    outcomes: dict[str, Outcome] = {}
    for name in names or SUITES:
        print(f"\n=== {name} ===", flush=True)
        begun = time.monotonic()
        outcomes[name] = SUITES[name]()
        print(f"=== {name}: exit {outcomes[name].code}, {time.monotonic() - begun:.0f} s ===", flush=True)
    print("\n=== closing lines ===")
    for name, outcome in outcomes.items():
        print(f"{name}: {outcome.closing}")
    return int(any(outcome.code for outcome in outcomes.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
