"""The code of docs/python.md runs, block after block, beside the files that it names."""

import os
import re
import shutil
import subprocess
import sys
import unittest

import keel
import support


class Docs(unittest.TestCase):
    def test_every_block_of_the_guide_runs(self):
        with open(os.path.join(support.ROOT, "docs", "python.md"), encoding="utf-8") as file:
            blocks = re.findall(r"^```python\n(.*?)^```$", file.read(), re.M | re.S)
        self.assertGreater(len(blocks), 5)
        folder = support.path("guide")
        os.makedirs(os.path.join(folder, "xrays"))
        shutil.copy(support.checkpoint(), os.path.join(folder, "best.safetensors"))
        shutil.copytree(support.class_data().split(":", 1)[1], os.path.join(folder, "xrays"), dirs_exist_ok=True)
        for number in (0, 1):
            shutil.copy(support.image_file(number), os.path.join(folder, f"0000000{number}_000.png"))
        code = "\n".join(blocks)
        if "import torch" in code and not has_torch():
            code = "\n".join(block for block in blocks if "torch" not in block)
        environment = {**os.environ, "PYTHONPATH": os.environ["KEEL_PACKAGE"]}
        done = subprocess.run(
            [sys.executable, "-B", "-c", code], cwd=folder, env=environment, capture_output=True, check=False
        )
        self.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace"))

    def test_every_name_of_the_package_is_in_the_guide(self):
        with open(os.path.join(support.ROOT, "docs", "python.md"), encoding="utf-8") as file:
            guide = file.read()
        names = [name for name in keel.__all__ if not name.startswith("_")]
        names += [name for name in dir(keel.Predictor) if not name.startswith("_")]
        names += [name for name in vars(keel.metrics) if not name.startswith("_") and name.islower() and name != "np"]
        self.assertEqual([name for name in names if not re.search(rf"\b{name}\b", guide)], [])


def has_torch():
    try:
        import torch  # noqa: F401
    except ImportError:
        return False
    return True


if __name__ == "__main__":
    unittest.main()
