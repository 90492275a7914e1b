"""The wheel: built without a network against a Keel that is installed, it works where it is unpacked."""

import os
import subprocess
import sys
import unittest
import zipfile

import support

CODE = """\
import sys
import keel, numpy as np
model = keel.load(sys.argv[1])
print(keel.__file__, keel.__version__, model.predict(np.zeros((1, 16, 16, 3), np.float32)).shape)
"""


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options)
    text = done.stdout.decode(errors="replace")
    if done.returncode != 0:
        raise AssertionError(" ".join(command) + "\n" + text)
    return text


class Wheel(unittest.TestCase):
    def test_a_wheel_is_built_and_installed(self):
        build = os.environ.get("KEEL_BUILD_DIR")
        if not build:
            self.skipTest("KEEL_BUILD_DIR does not name a build of Keel")
        prefix, wheels = support.path("prefix"), support.path("wheels")
        run("cmake", "--install", build, "--prefix", prefix)
        environment = {**os.environ, "CMAKE_PREFIX_PATH": prefix, "PIP_NO_INDEX": "1"}
        source = os.path.join(support.ROOT, "python")
        pip = (sys.executable, "-m", "pip")
        run(*pip, "wheel", "--no-build-isolation", "--no-deps", "-w", wheels, source, env=environment)
        (name,) = os.listdir(wheels)
        with zipfile.ZipFile(os.path.join(wheels, name)) as wheel:
            names = wheel.namelist()
        self.assertTrue({"keel/__init__.py", "keel/py.typed", "keel/_keel.pyi"} <= set(names))
        self.assertEqual(sum(one.endswith(".so") for one in names), 1)
        target = support.path("site")
        run(*pip, "install", "--no-deps", "--no-index", "--target", target, os.path.join(wheels, name), env=environment)
        said = run(
            sys.executable, "-B", "-c", CODE, support.checkpoint(), env={**os.environ, "PYTHONPATH": target},
            cwd=support.folder(),
        )  # fmt: skip
        self.assertTrue(said.startswith(target), said)
        self.assertIn("(1, 2)", said)
        (module,) = (os.path.join(target, one) for one in names if one.endswith(".so"))
        symbols = run("nm", "-D", "--defined-only", module)
        exported = [line.split()[-1] for line in symbols.splitlines() if line.strip()]
        self.assertEqual([one.split("@")[0] for one in exported], ["PyInit__keel"])


if __name__ == "__main__":
    unittest.main()
