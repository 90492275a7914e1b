"""Which Python the other libraries are in."""
import os
import subprocess
import sys


def run_among_peers(module="torch"):
    """Goes on in the Python that KEEL_PEERS_PYTHON names, else in this one or the system's, whichever has the module; where none has, ends with 77,
    which tests take for skipped."""
    if "KEEL_PEERS_STARTED" in os.environ:
        return
    candidates = [os.environ["KEEL_PEERS_PYTHON"]] if os.environ.get("KEEL_PEERS_PYTHON") else [sys.executable, "/usr/bin/python3"]
    for python in candidates:
        if os.path.exists(python) and subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0:
            os.execve(python, [python, "-B", *sys.argv], {**os.environ, "KEEL_PEERS_STARTED": "1"})
    print(f"skipped: no {module} in", ", ".join(candidates))
    sys.exit(77)
