"""A JupyterLab server on loopback, with directories of its own."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import nbformat
from nbformat.sign import NotebookNotary

from tests.e2e.harness.browser import Browser
from tests.e2e.harness.notebook import Notebook

START_TIMEOUT = 120.0
STOP_TIMEOUT = 20.0

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    # Nothing that asks the network, nothing that saves behind the test's back, every cell in the page.
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none", "autoStartDefaultKernel": True},
}


class LabError(RuntimeError):
    """The server did not start; the message is its log."""


def free_port() -> int:
    """Return a loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class LabServer:
    """JupyterLab on loopback, started on entry and stopped with its kernels on exit.

    Parameters
    ----------
    root : Path
        The folder whose notebooks it serves.
    command : sequence of str, optional
        How to start it; the default is this Python's own JupyterLab. The options are
        appended; where a command is given (`make demo`), they are handed over as its `DEMO_ARGS`.
    save_widget_state : bool
        Whether saving a notebook writes the widgets' state into it.
    """

    def __init__(
        self, root: Path, command: Sequence[str] | None = None, *, save_widget_state: bool = False
    ) -> None:
        self.root = root.resolve()
        self.port = free_port()
        self.token = secrets.token_hex(16)
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = list(command) if command else None
        self._settings = {name: dict(values) for name, values in SETTINGS.items()}
        if save_widget_state:
            self._settings["@jupyter-widgets/jupyterlab-manager:plugin"] = {"saveState": True}

    def __enter__(self) -> Self:
        self._home = Path(tempfile.mkdtemp(prefix="attnwidget-lab-"))
        self._log = self._home / "lab.log"
        settings = self._home / "settings"
        settings.mkdir()
        (settings / "overrides.json").write_text(json.dumps(self._settings))
        options = [
            "--no-browser",
            "--allow-root",
            "--ip=127.0.0.1",
            f"--port={self.port}",
            "--ServerApp.port_retries=0",
            f"--ServerApp.root_dir={self.root}",
            f"--IdentityProvider.token={self.token}",
            f"--LabApp.app_settings_dir={settings}",
            "--LabApp.expose_app_in_browser=True",
            "--LabApp.extension_manager=readonly",
        ]
        if self._command:
            command = [*self._command, f"DEMO_ARGS={' '.join(options)}"]
        else:
            command = [sys.executable, "-m", "jupyterlab", *options]
        private = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "user",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
        }
        environment = {
            **os.environ,
            **{name: str(self._home / folder) for name, folder in private.items()},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HF_HUB_OFFLINE": "1",
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        try:
            self._wait_until_up()
        except BaseException:
            self._stop()
            raise
        return self

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                self.api("GET", "/api/status")
                return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise LabError(self.log()) from None
            time.sleep(0.05)

    def log(self) -> str:
        """Return what the server has printed."""
        return self._log.read_text(errors="replace")

    def api(self, method: str, path: str) -> Any:
        """Call the server's REST interface; returns the decoded JSON, None where there is no body."""
        request = urllib.request.Request(
            self.url + path, headers={"Authorization": f"token {self.token}"}, method=method
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            body = response.read()
        return json.loads(body) if body else None

    def open(self, browser: Browser, path: str, *, kernel: bool = True) -> Notebook:
        """Open a notebook in a new page.

        Parameters
        ----------
        browser : Browser
            Where to open it.
        path : str
            The notebook, relative to the root.
        kernel : bool
            Whether to wait until its kernel is idle.
        """
        page = browser.new_page()
        page.goto(f"{self.url}/lab/tree/{path}?token={self.token}&reset")
        notebook = Notebook(page, path)
        notebook.wait_open(kernel=kernel)
        return notebook

    def trust(self, path: str) -> None:
        """Sign a notebook with this server's key, as its user does by `jupyter trust` or by running it."""
        notebook = nbformat.read(self.root / path, as_version=4)
        with contextlib.closing(NotebookNotary(data_dir=str(self._home / "data"))) as notary:
            notary.sign(notebook)

    def stop_kernels(self) -> None:
        """End every kernel, so that tests do not pile up memory."""
        for session in self.api("GET", "/api/sessions"):
            self.api("DELETE", f"/api/sessions/{session['id']}")

    def _stop(self) -> None:
        # The whole group: under `make demo`, the server is a grandchild.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_TIMEOUT)
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        shutil.rmtree(self._home, ignore_errors=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            self.stop_kernels()
        self._stop()
