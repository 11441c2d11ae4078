"""nginx as one process with one static answer of a card's size: the most that one core can send."""

from __future__ import annotations

import shutil
from pathlib import Path

_CONFIG = """
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    client_body_temp_path {directory};
    proxy_temp_path {directory};
    fastcgi_temp_path {directory};
    uwsgi_temp_path {directory};
    scgi_temp_path {directory};
    open_file_cache max=100;
    types {{ application/json json; }}
    server {{
        listen 127.0.0.1:{port};
        root {directory};
        location / {{ rewrite ^ /card.json break; }}
    }}
}}
"""


def nginx() -> str | None:
    """Return the path of the program, or None when it is not installed."""
    return shutil.which("nginx")


def command(directory: Path, port: int, body: bytes) -> list[str]:
    """Return the command that serves `body` for every path."""
    directory.mkdir(mode=0o755)
    (directory / "card.json").write_bytes(body)
    (directory / "nginx.conf").write_text(_CONFIG.format(directory=directory, port=port))
    return [nginx() or "nginx", "-c", str(directory / "nginx.conf"), "-e", "stderr"]
