"""A server on this machine that answers as the model hub answers for models that cannot be had.

    python -m tests.runner.hub

starts it, points the hub client at it, asks for one model of each kind, and prints what is said as JSON.
"""

from __future__ import annotations

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

ANSWERS = {
    "nobody/missing": (404, "RepoNotFound"),
    "nobody/hidden": (401, "RepoNotFound"),
    "nobody/gated": (403, "GatedRepo"),
    "nobody/old": (404, "RevisionNotFound"),
    "nobody/empty": (404, "EntryNotFound"),
}


class Hub(BaseHTTPRequestHandler):
    """Answers every request with the code that its model stands for."""

    def do_HEAD(self) -> None:
        owner, name = self.path.strip("/").removeprefix("api/models/").split("/")[:2]
        status, code = ANSWERS[f"{owner}/{name}"]
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing on the terminal."""


def main() -> None:
    server = HTTPServer(("127.0.0.1", 0), Hub)
    Thread(target=server.serve_forever, daemon=True).start()
    os.environ.pop("HF_HUB_OFFLINE", None)
    os.environ["HF_ENDPOINT"] = f"http://127.0.0.1:{server.server_port}"
    os.environ["NO_PROXY"] = "*"

    from attnwidget.errors import AttnWidgetError
    from attnwidget.runner import ModelRunner

    said = {}
    for name in ANSWERS:
        try:
            ModelRunner(name, token=False)
        except AttnWidgetError as error:
            said[name] = [type(error).__name__, error.what, error.todo]
    server.shutdown()
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main()
