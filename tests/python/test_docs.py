"""The code of docs/python.md runs, block after block, beside the files that it names."""

import inspect
import os
import re
import unittest

import keel
import support


class Docs(unittest.TestCase):
    def test_every_block_of_the_guide_runs(self):
        support.run_guide(lambda block: "import torch" not in block)

    def test_every_name_of_the_package_is_in_the_guide(self):
        with open(os.path.join(support.ROOT, "docs", "python.md"), encoding="utf-8") as file:
            guide = file.read()
        names = [name for name in keel.__all__ if not name.startswith("_")]
        names += [name for name in dir(keel.Predictor) if not name.startswith("_")]
        names += [
            name
            for name, value in vars(keel.metrics).items()
            if inspect.isfunction(value) and value.__module__ == "keel.metrics" and not name.startswith("_")
        ]
        self.assertEqual([name for name in names if not re.search(rf"\b{name}\b", guide)], [])


if __name__ == "__main__":
    unittest.main()
