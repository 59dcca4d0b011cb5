"""Finds a Chromium, and installs one where that is possible.

python -m tests.e2e.harness.chromium     # prints the path; installs when there is none
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FONTS = ("fonts-noto-core", "fonts-noto-cjk", "fonts-noto-color-emoji")


class NoChromiumError(RuntimeError):
    """There is no Chromium on this machine."""


def find() -> str:
    """Return the path of the Chromium to use.

    Returns
    -------
    str
        `$CHROMIUM`, else the first of `NAMES` on the `PATH`, else Playwright's own.

    Raises
    ------
    NoChromiumError
        None of them exists.
    """
    if named := os.environ.get("CHROMIUM"):
        if shutil.which(named):
            return named
        raise NoChromiumError(f"$CHROMIUM is {named!r}, which is not a program.")
    for name in NAMES:
        if path := shutil.which(name):
            return path
    if (own := _playwrights_own()) and own.exists():
        return str(own)
    raise NoChromiumError("No Chromium was found. Run `make chromium`, or name one in $CHROMIUM.")


def _playwrights_own() -> Path | None:
    """Return where Playwright keeps its Chromium (asked in a process that can end its event loop)."""
    code = (
        "from playwright.sync_api import sync_playwright as s\n"
        "with s() as p: print(p.chromium.executable_path)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return Path(result.stdout.strip()) if result.returncode == 0 else None


def debian_root() -> bool:
    """Whether Debian packages can be installed."""
    return Path("/etc/debian_version").exists() and os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_install(*packages: str) -> bool:
    """Install Debian packages; whether that worked."""
    commands = (
        ["apt-get", "update", "-q"],
        ["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages],
    )
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return all(subprocess.run(command, env=environment, check=False).returncode == 0 for command in commands)


def _has_fonts() -> bool:
    """Whether Chinese, Japanese, Korean and emoji can be drawn."""
    if not shutil.which("fc-list"):
        return False
    listed = [
        subprocess.run(["fc-list", pattern], capture_output=True, text=True, check=False).stdout.strip()
        for pattern in (":lang=zh", ":lang=ja", ":lang=ko", ":lang=und-zsye")
    ]
    return all(listed)


def ensure() -> str:
    """Return the path of a Chromium; install it, and fonts for tokens of every script, if there is none."""
    try:
        find()
    except NoChromiumError:
        if os.environ.get("CHROMIUM"):
            raise
        if not (debian_root() and apt_install("chromium", *FONTS)):
            subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)
    if not _has_fonts() and debian_root() and not apt_install("fontconfig", *FONTS):
        print("No fonts for Chinese, Japanese, Korean or emoji: those tokens show as boxes.", file=sys.stderr)
    return find()


if __name__ == "__main__":
    print(ensure())
