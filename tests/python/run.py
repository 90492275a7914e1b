"""Runs the tests of the package: run.py PACKAGE-FOLDER KEEL-PROGRAM [PATTERN]; exit code 77 where they cannot run."""

import os
import sys
import unittest


def main() -> int:
    package, program = sys.argv[1:3]
    pattern = sys.argv[3] if len(sys.argv) > 3 else "test_*.py"
    try:
        import numpy  # noqa: F401
    except ImportError:
        print("skipped: the package keel wants NumPy (python3-numpy)")
        return 77
    here = os.path.dirname(os.path.abspath(__file__))
    os.environ["KEEL_PACKAGE"], os.environ["KEEL_BINARY"] = package, program
    sys.path[:0] = [package, here]
    tests = unittest.defaultTestLoader.discover(here, pattern, here)
    result = unittest.TextTestRunner(sys.stdout, verbosity=2).run(tests)
    if not result.wasSuccessful() or result.testsRun == 0:
        return 1
    return 77 if len(result.skipped) == result.testsRun else 0


if __name__ == "__main__":
    sys.exit(main())
