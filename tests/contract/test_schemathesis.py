"""Schemathesis reads our OpenAPI document and tries what it promises on a running server: every check, every phase."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.support.emulator_process import emulator
from tokenvault_contract.openapi import openapi_document

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "25")
RUN_SECONDS = 300


def test_the_server_keeps_what_its_openapi_document_promises(tmp_path: Path) -> None:
    with emulator("--no-rate-limits") as running:
        document = tmp_path / "openapi.json"
        document.write_text(json.dumps(openapi_document(running.base_url)))
        credentials = [
            f"--header=x-client-id: {running.client_id}",
            f"--header=x-client-secret: {running.client_secret}",
        ]
        options = ["--checks=all", f"--max-examples={EXAMPLES}", "--generation-database=none", "--no-color"]
        done = subprocess.run(
            [Path(sys.executable).with_name("st"), "run", document, *credentials, *options],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.contract.schemathesis_hooks"},
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Tested: 5" in done.stdout
