"""The package's types: mypy finds no mistake in it, nor between the stub and what is compiled."""

import os
import subprocess
import sys
import unittest

import support

PROGRAM = """\
import keel
import numpy as np

model = keel.load("best.safetensors", batch=4)
labels: tuple[str, ...] = model.labels
size: int = model.image_size
none: list[keel.NoAnswer] = []
scores = model.predict(np.zeros((1, 16, 16, 3), np.float32), unanswered=none)
area: float | None = keel.metrics.auroc([0.1], [1])
result: keel.TrainResult = keel.train(model="resnet20", data="folder:x")
maps = keel.ClassActivation("best.safetensors").maps(scores, ["a"])
wrong: int = model.labels
model.no_such_method()
keel.load("a", batch="four")
"""

ALLOWED = rb"""
.*\.__(init|new|doc|module)__
keel\._keel\.(Activation|Model|ModelSpec|ScoreCurve|Tensor)
"""  # the classes' metaclass is pybind11's


def run(*arguments):
    environment = {**os.environ, "MYPYPATH": os.environ["KEEL_PACKAGE"]}
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, cwd=support.folder(), env=environment, capture_output=True, check=False)
    return done.returncode, done.stdout.decode() + done.stderr.decode()


try:
    import mypy
except ImportError:
    mypy = None


@unittest.skipIf(mypy is None, "there is no mypy")
class Types(unittest.TestCase):
    def test_the_package(self):
        cache = "--cache-dir=" + support.path("mypy")
        source = os.path.join(support.ROOT, "python", "keel")
        code, said = run("mypy", "--strict", cache, source)
        self.assertEqual(code, 0, said)

    def test_a_program_that_uses_it(self):
        program = support.write("program.py", PROGRAM.encode())
        code, said = run("mypy", "--strict", "--cache-dir=" + support.path("mypy"), program)
        self.assertEqual(code, 1, said)
        wrong = [line for line in said.splitlines() if "error:" in line]
        self.assertEqual([line.split(":")[1] for line in wrong], ["12", "13", "14"], said)

    def test_the_stub_is_what_is_compiled(self):
        environment = {**os.environ, "PYTHONPATH": os.environ["KEEL_PACKAGE"], "MYPYPATH": os.environ["KEEL_PACKAGE"]}
        allowed = support.write("allowed.txt", ALLOWED)
        command = [sys.executable, "-m", "mypy.stubtest", "keel._keel", "--allowlist", allowed]
        command.append("--ignore-unused-allowlist")
        done = subprocess.run(command, cwd=support.folder(), env=environment, capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout.decode() + done.stderr.decode())


if __name__ == "__main__":
    unittest.main()
