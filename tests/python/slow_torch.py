"""PyTorch's tensors, in and out; skipped where there is no PyTorch."""

import unittest

import keel
import numpy as np
import support

try:
    import torch
except ImportError:
    torch = None


@unittest.skipIf(torch is None, "there is no PyTorch")
class Torch(unittest.TestCase):
    def test_tensors_are_read_where_they_lie(self):
        model = support.model()
        images = torch.from_numpy(support.batch())
        wanted = model.predict(images.numpy())
        np.testing.assert_array_equal(model.predict(images), wanted)
        self.assertTrue(np.shares_memory(model.inputs(images), images.numpy()))
        planes = images.permute(0, 3, 1, 2)
        last = planes.contiguous(memory_format=torch.channels_last)
        np.testing.assert_array_equal(model.predict(planes.contiguous()), wanted)
        np.testing.assert_array_equal(model.predict(last), wanted)
        self.assertTrue(np.shares_memory(model.inputs(last), last.permute(0, 2, 3, 1).numpy()))

    def test_results_become_tensors_and_go_to_tensors(self):
        model = support.model()
        images = support.batch()
        scores = model.predict(images)
        tensor = torch.from_dlpack(scores)
        self.assertEqual(tensor.data_ptr(), scores.ctypes.data)
        out = torch.zeros(5, 2)
        self.assertIs(model.predict(images, out=out), out)
        np.testing.assert_array_equal(out.numpy(), scores)
        ours = keel.from_dlpack(out)
        again = torch.from_dlpack(ours)
        self.assertEqual(again.data_ptr(), out.data_ptr())
        with self.assertRaises(keel.UsageError):
            model.predict(images, out=torch.zeros(2, 5).T)

    def test_tensors_that_are_not_to_be_had(self):
        model = support.model()
        with self.assertRaisesRegex(keel.UsageError, "gradient|grad"):
            model.predict(torch.zeros(1, 16, 16, 3, requires_grad=True))
        with self.assertRaises(keel.UsageError):
            model.predict(torch.zeros(1, 16, 16, 3, dtype=torch.bfloat16))
        with self.assertRaises(keel.UsageError):
            model.predict(torch.zeros(1, 16, 16, 3, dtype=torch.float64))

    def test_the_guide(self):
        support.run_guide(lambda block: "import torch" in block or block.startswith("import keel"))

    def test_both_compute_in_one_process(self):
        model, images = support.model(), support.batch()
        wanted = model.predict(images)
        weights = torch.randn(64, 64)
        for _ in range(3):
            product = torch.mm(weights, weights)
            np.testing.assert_array_equal(model.predict(images), wanted)
            self.assertTrue(torch.equal(torch.mm(weights, weights), product))


if __name__ == "__main__":
    unittest.main()
