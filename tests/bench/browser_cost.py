"""What a page costs in Chromium: time, CPU of its main thread, JavaScript heap, memory of its process."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.e2e.harness.browser import Browser

# Added to a page before anything else runs in it. `benchTime` does something and resolves to the milliseconds
# until the end of the first frame that changed what is on screen, and of the last, once nothing has changed
# for `quiet`; null past `limit`. A frame has changed if something large was drawn on a canvas (`marked`), or
# else if the main thread was busy for more than `busy` milliseconds before it; the first frame always counts.
WATCH = """(() => {
    if (window.benchTime) return;
    let marks = 0;
    for (const name of ["stroke", "fill", "fillRect", "drawImage", "putImageData", "fillText"]) {
        const plain = CanvasRenderingContext2D.prototype[name];
        CanvasRenderingContext2D.prototype[name] = function (...args) {
            if (this.canvas.clientWidth > 100) marks++;
            return plain.apply(this, args);
        };
    }
    window.benchTime = ({ action, ready, marked, busy, quiet, limit, fromStart }) => new Promise((done) => {
        const begun = fromStart ? 0 : performance.now();
        const isReady = new Function(`return Boolean(${ready || true})`);
        const { port1, port2 } = new MessageChannel();
        let [drawn, first, last, previous] = [0, null, null, begun];
        if (!fromStart) marks = 0;
        if (action) new Function(action)();
        // The frame's style, layout and paint come between its callbacks and the next message.
        port1.onmessage = () => {
            const now = performance.now();
            const changed = marked ? marks > drawn : last === null || now - previous > busy;
            if (isReady()) {
                if (changed) [first, last] = [first ?? now, now];
                drawn = marks;
            }
            previous = now;
            if (last !== null && now - last > quiet) done([first - begun, last - begun]);
            else if (now - begun > limit) done(null);
            else requestAnimationFrame(() => port2.postMessage(0));
        };
        requestAnimationFrame(() => port2.postMessage(0));
    });
})()"""

SPIN = "() => { const end = performance.now() + 200; while (performance.now() < end); }"

LIMIT_MS = 60_000
QUIET_MS = 300
# What browsers call a long task; and what no task takes.
BUSY_MS = 50
NEVER_MS = 1_000_000
# Longer where a kernel is asked.
QUIET_KERNEL_MS = 1_500


class NotDrawnError(RuntimeError):
    """Nothing was drawn within the time limit."""


@dataclass(frozen=True)
class Cost:
    """What one action cost: seconds until its first frame and its last, CPU seconds of the main thread."""

    first: float
    wall: float
    cpu: float


@dataclass(frozen=True)
class Memory:
    """Bytes: live JavaScript heap, resident memory of the page's process, and the largest that it was."""

    heap: int
    resident: int
    peak: int

    def above(self, base: Memory) -> dict[str, int]:
        """Return what is above another figure, for JSON."""
        return {
            "heap": self.heap - base.heap,
            "resident": self.resident - base.resident,
            "peak": self.peak - base.resident,
        }


class MeasuredBrowser(Browser):
    """A browser with one page that is measured."""

    def _processes(self) -> list[dict[str, Any]]:
        session = self._chromium.new_browser_cdp_session()
        found: list[dict[str, Any]] = session.send("SystemInfo.getProcessInfo")["processInfo"]
        session.detach()
        return found

    def processes(self) -> list[int]:
        """Return the process ids of the browser and all that it started."""
        return [int(item["id"]) for item in self._processes()]

    def process_of(self, page: Page) -> int:
        """Return the process id of a page: of the renderer with the CPU time that the page's process says."""
        page.evaluate(SPIN)
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")
        metrics = session.send("Performance.getMetrics")["metrics"]
        session.detach()
        used = next(metric["value"] for metric in metrics if metric["name"] == "ProcessTime")
        renderers = [item for item in self._processes() if item["type"] == "renderer"]
        return int(min(renderers, key=lambda item: abs(item["cpuTime"] - used))["id"])


def resident(process: int, field: str = "VmRSS") -> int:
    """Return a memory figure of a process in bytes, as Linux counts it; 0 for one that has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), 0)


class Probe:
    """Reads the counters of one page.

    Parameters
    ----------
    page : Page
        The page.
    process : int
        Its process id.
    """

    def __init__(self, page: Page, process: int) -> None:
        self.page = page
        self.process = process
        self._session = page.context.new_cdp_session(page)
        # The main thread's own clock: other processes of the machine do not count.
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})
        self._idle = 0.0

    def _metric(self, name: str) -> float:
        metrics = self._session.send("Performance.getMetrics")["metrics"]
        return float(next(metric["value"] for metric in metrics if metric["name"] == name))

    def cpu(self) -> float:
        """Return the CPU seconds of the page's main thread so far."""
        return self._metric("ThreadTime")

    def rest(self) -> None:
        """Wait until the page is at rest, and learn what it costs then: no cost counts that."""
        self.settle()
        self._idle = min(self._idle_rate() for _ in range(2))

    def settle(self) -> None:
        """Give the page time to come to rest."""
        self._timed("", "", marked=False, quiet=2 * QUIET_MS, busy=NEVER_MS)

    def _idle_rate(self) -> float:
        """Return the CPU seconds per second of a page to which nothing is done."""
        begun, cpu = time.monotonic(), self.cpu()
        self.settle()
        return (self.cpu() - cpu) / (time.monotonic() - begun)

    def memory(self) -> Memory:
        """Return the memory after a garbage collection; the peak is that since `forget_peak`."""
        peak = resident(self.process, "VmHWM")
        self._session.send("HeapProfiler.collectGarbage")
        return Memory(int(self._metric("JSHeapUsedSize")), resident(self.process), peak)

    def forget_peak(self) -> None:
        """Begin to count the largest resident memory anew."""
        Path(f"/proc/{self.process}/clear_refs").write_text("5")

    def _timed(
        self,
        action: str,
        ready: str,
        *,
        marked: bool,
        quiet: int,
        busy: int = BUSY_MS,
        from_start: bool = False,
    ) -> tuple[float, float]:
        elapsed: Any = self.page.evaluate(
            "(options) => window.benchTime(options)",
            {
                "action": action,
                "ready": ready,
                "marked": marked,
                "busy": busy,
                "quiet": quiet,
                "limit": LIMIT_MS,
                "fromStart": from_start,
            },
        )
        if elapsed is None:
            raise NotDrawnError(f"not drawn in {LIMIT_MS // 1000} s")
        return elapsed[0] / 1000, elapsed[1] / 1000

    def cost(
        self,
        action: str,
        *,
        ready: str = "",
        marked: bool = False,
        quiet: int = QUIET_MS,
        from_start: bool = False,
        since: float | None = None,
    ) -> Cost:
        """Do something and return what it cost, above the idle page.

        Parameters
        ----------
        action : str
            JavaScript.
        ready : str
            An expression that holds once what is waited for is there; always, by default.
        marked : bool
            Whether only canvas marks count as changes.
        quiet : int
            Milliseconds without a change after which it is over.
        from_start : bool
            Count from the start of the page's navigation.
        since : float, optional
            The main thread's CPU seconds to count from; those of now by default.
        """
        begun, cpu = time.monotonic(), self.cpu() if since is None else since
        first, wall = self._timed(action, ready, marked=marked, quiet=quiet, from_start=from_start)
        used = self.cpu() - cpu - self._idle * (time.monotonic() - begun)
        return Cost(first, wall, max(0.0, used))
