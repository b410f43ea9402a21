"""Checks that provisioning and dashboards are mounted where Grafana reads them, then answers as little as it must."""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml


def mounted() -> dict[str, int]:
    """Return how many datasources and dashboards would be read; ends the program when one cannot be."""
    root = Path(os.environ["GF_PATHS_PROVISIONING"])
    sources = [
        s
        for f in sorted(root.glob("datasources/*.y*ml"))
        for s in yaml.safe_load(f.read_text())["datasources"]
    ]
    providers = [
        p for f in sorted(root.glob("dashboards/*.y*ml")) for p in yaml.safe_load(f.read_text())["providers"]
    ]
    files = [f for p in providers for f in sorted(Path(p["options"]["path"]).rglob("*.json"))]
    titles = [json.loads(f.read_text())["title"] for f in files]
    if not sources or not titles:
        sys.exit(f"stand-in: {len(sources)} datasources and {len(titles)} dashboards below {root}")
    return {"datasources": len(sources), "dashboards": len(titles)}


class Answer(BaseHTTPRequestHandler):
    """What Grafana's health check and Prometheus ask."""

    def do_GET(self) -> None:
        """Answer health and metrics; everything else is not here."""
        page = {"/api/health": FOUND_TEXT, "/metrics": METRICS}.get(self.path)
        body = (page or "This is a stand-in; Grafana itself does not run here.\n").encode()
        self.send_response(200 if page else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


FOUND = mounted()
FOUND_TEXT = json.dumps({"database": "ok", "version": "stand-in", **FOUND})
METRICS = 'grafana_build_info{version="stand-in"} 1\n'
print(FOUND_TEXT, flush=True)
ThreadingHTTPServer(("", 3000), Answer).serve_forever()
