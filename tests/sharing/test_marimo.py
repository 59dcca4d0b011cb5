"""marimo's own server, and its export opened from disk, in Chromium, no network."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import marimo
import pytest
from playwright.sync_api import Page, Route, expect

from tests.conftest import ROOT
from tests.e2e.harness.browser import Browser
from tests.e2e.harness.explorer import explorers
from tests.e2e.harness.lab import free_port
from tests.sharing.reading import check_interactive, framed, made

NOTEBOOK = Path(__file__).parent / "marimo_notebook.py"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
START_TIMEOUT = 60.0
# The front end that an exported page loads from a CDN is a part of marimo's own package.
CDN = "https://cdn.jsdelivr.net/npm/@marimo-team/frontend@"
STATIC = Path(marimo.__file__).parent / "_static"


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "marimo", "--yes", *arguments]


@contextmanager
def serving() -> Iterator[str]:
    """Run the notebook as an app, and yield its address."""
    port = free_port()
    run = command("run", str(NOTEBOOK), "--headless", "--no-token", "--host=127.0.0.1", f"--port={port}")
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(run, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            deadline = time.monotonic() + START_TIMEOUT
            while True:
                try:
                    with urllib.request.urlopen(f"{url}/health", timeout=5):
                        break
                except OSError:
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise
                    time.sleep(0.1)
            yield url
        finally:
            process.terminate()


def serve_front_end(page: Page) -> None:
    """Hand over marimo's front end where a page asks its CDN for it; nothing else is answered."""

    def answer(route: Route) -> None:
        file = STATIC / route.request.url.partition("/dist/")[2].partition("?")[0]
        route.fulfill(path=file, headers={"Access-Control-Allow-Origin": "*"})

    page.route(f"{CDN}**", answer)


@pytest.mark.shows("marimo", "live: sliders, hovers, new prompts; with `mo.ui.anywidget` other cells follow")
def test_live(browser: Browser) -> None:
    page = browser.new_page()
    with serving() as url:
        page.goto(url)
        plain, wrapped = explorers(page, 2)
        check_interactive(plain, *made())
        wrapped.layer.press("Home")
        expect(page.get_by_text("followed: layer 0")).to_be_visible()
        before = wrapped.record()
        wrapped.prompt.fill("The dog barked at the cat.")
        wrapped.run.click()
        wrapped.wait_record(before)
        expect(wrapped.token("query", 2)).to_contain_text("dog")
        page.close()


@pytest.mark.shows(
    "marimo, static export",
    "everything interactive, from the snapshot in it; `ex.share()` the same. The page loads marimo itself "
    "from a CDN (handed over by the test)",
)
def test_export(browser: Browser, tmp_path: Path, expected_requests: list[str]) -> None:
    exported = tmp_path / "exported.html"
    subprocess.run(
        command("export", "html", str(NOTEBOOK), "-o", str(exported)),
        env=ENVIRONMENT,
        check=True,
        capture_output=True,
    )
    expected_requests.append(CDN)
    page = browser.new_page()
    serve_front_end(page)
    page.goto(exported.as_uri())
    check_interactive(framed(page), *made())
    plain, _ = explorers(page, 2)
    check_interactive(plain, *made())
