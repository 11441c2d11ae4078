"""Every benchmark runs to its end; the studies are too slow for that and are only type-checked.

Benchmarks measure the machine, for half a minute, and no behaviour: `make test-system` runs them.
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
QUESTIONS = sorted(path.stem for path in (ROOT / "bench").glob("[a-z]*.py"))


@pytest.mark.system
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_benchmark_runs_to_its_end(question: str) -> None:
    command = [sys.executable, "-m", f"bench.{question}", "--quick"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "goal " in answer.stdout


def test_the_results_name_every_benchmark() -> None:
    results = (ROOT / "bench" / "RESULTS.md").read_text()
    assert [question for question in QUESTIONS if f"bench.{question}" not in results] == []
