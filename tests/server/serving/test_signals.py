"""A signal ends a server, whichever of its threads receives it."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import signal, threading, time
from tokenvault_server.serving.granian import SignalAwareEvent

ended = SignalAwareEvent()
signal.signal(signal.SIGTERM, lambda *_: ended.set())
other = threading.Thread(target=time.sleep, args=(60,), daemon=True)
other.start()
threading.Timer(0.1, lambda: signal.pthread_kill(other.ident, signal.SIGTERM)).start()
print(ended.wait())
"""


def test_a_signal_that_another_thread_receives_wakes_the_main_thread() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "True\n"
