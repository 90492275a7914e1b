"""Tensors of other libraries, and Keel's for them."""

import gc
import unittest
import weakref

import keel
import numpy as np
import support


class Counted(np.ndarray):
    """An array that can be watched."""


class Foreign:
    """An object that speaks DLPack alone, of an array's memory."""

    def __init__(self, array, device=(1, 0)):
        self.array, self.device, self.asked = array, device, 0

    def __dlpack__(self, **kwargs):
        self.asked += 1
        return self.array.__dlpack__()

    def __dlpack_device__(self):
        return self.device


class Tensors(unittest.TestCase):
    def test_a_tensor_is_a_view_in_both_directions(self):
        for dtype in (np.float32, np.float64, np.uint8, np.int8, np.int32):
            array = np.arange(24).reshape(2, 3, 4).astype(dtype)
            tensor = keel.from_dlpack(array)
            self.assertEqual((tensor.shape, tensor.ndim, tensor.dtype), ((2, 3, 4), 3, array.dtype))
            for view in (np.asarray(tensor), np.from_dlpack(tensor)):
                self.assertTrue(np.shares_memory(view, array))
                np.testing.assert_array_equal(view, array)
            np.asarray(tensor)[1, 2, 3] = 99
            self.assertEqual(array[1, 2, 3], 99)
        self.assertIn("[2, 3, 4]", repr(tensor))
        self.assertEqual(tensor.__dlpack_device__(), (1, 0))

    def test_rows_may_lie_apart(self):
        array = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
        tensor = keel.from_dlpack(array[..., :2])
        np.testing.assert_array_equal(np.asarray(tensor), array[..., :2])
        self.assertTrue(np.shares_memory(np.asarray(tensor), array))
        np.testing.assert_array_equal(np.from_dlpack(tensor), array[..., :2])

    def test_memory_lives_as_long_as_somebody_uses_it(self):
        array = np.arange(6, dtype=np.float32).view(Counted)
        alive = weakref.ref(array)
        tensor = keel.from_dlpack(array)
        view = np.from_dlpack(tensor)
        del array, tensor
        gc.collect()
        self.assertIsNotNone(alive())
        np.testing.assert_array_equal(view, np.arange(6))
        del view
        gc.collect()
        self.assertIsNone(alive())

    def test_a_capsule_that_nobody_takes_frees_its_memory(self):
        array = np.arange(6, dtype=np.float32).view(Counted)
        alive = weakref.ref(array)
        tensor = keel.from_dlpack(array)
        capsules = [tensor.__dlpack__() for _ in range(10)]
        del array, tensor
        self.assertIsNotNone(alive())
        del capsules
        gc.collect()
        self.assertIsNone(alive())

    def test_what_is_no_tensor_of_keels_is_refused(self):
        for array in (
            np.zeros((2, 2), np.float16),
            np.zeros((2, 2), np.int64),
            np.zeros((2, 3), np.float32).T,
            np.zeros((1, 1, 1, 1, 2), np.float32),
            np.zeros((4, 4), np.float32)[:, ::2],
            np.zeros((4, 4), np.float32)[::-1],
        ):
            alive = weakref.ref(array.view(Counted))
            with self.assertRaisesRegex(keel.UsageError, r"\[dlpack\]"):
                keel.from_dlpack(array)
            self.assertIsNone(alive())
        for wrong in (None, 3, b"bytes", [1.0]):
            with self.assertRaisesRegex(keel.UsageError, "__dlpack__"):
                keel.from_dlpack(wrong)
        on_device = Foreign(np.zeros(2, np.float32), (2, 0))
        with self.assertRaisesRegex(keel.UsageError, "memory of the CPU"):
            keel.from_dlpack(on_device)
        self.assertEqual(on_device.asked, 0)

        class Taken:
            def __dlpack__(self):
                capsule = np.zeros(2, np.float32).__dlpack__()
                np.from_dlpack(Passed(capsule))
                return capsule

        class Passed:
            def __init__(self, capsule):
                self.capsule = capsule

            def __dlpack__(self, **kwargs):
                return self.capsule

            def __dlpack_device__(self):
                return (1, 0)

        with self.assertRaisesRegex(keel.UsageError, "nobody took"):
            keel.from_dlpack(Taken())
        with self.assertRaisesRegex(keel.UsageError, "nobody took"):
            keel.from_dlpack(Passed("no capsule"))

    def test_requests_that_cannot_be_met(self):
        tensor = keel.from_dlpack(np.zeros(2, np.float32))
        with self.assertRaises(BufferError):
            tensor.__dlpack__(stream=1)
        with self.assertRaises(BufferError):
            tensor.__dlpack__(dl_device=(2, 0))
        copied = np.from_dlpack(Copied(tensor))
        np.asarray(tensor)[0] = 5
        self.assertEqual(copied[0], 0)
        tensor.__dlpack__(stream=None, max_version=(1, 0), dl_device=(1, 0), copy=False)

    def test_predictions_of_tensors(self):
        model, images = support.model(), support.batch()
        wanted = model.predict(images)
        np.testing.assert_array_equal(model.predict(Foreign(images)), wanted)
        np.testing.assert_array_equal(model.predict(keel.from_dlpack(images)), wanted)
        planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
        np.testing.assert_array_equal(model.predict(Foreign(planes)), wanted)
        # PyTorch's channels_last: NCHW by its extents, NHWC in memory
        view = model.inputs(Foreign(images.transpose(0, 3, 1, 2)))
        self.assertTrue(np.shares_memory(view, images))
        out = Foreign(np.zeros((5, 2), np.float32))
        self.assertIs(model.predict(images, out=out), out)
        np.testing.assert_array_equal(out.array, wanted)
        np.testing.assert_array_equal(np.from_dlpack(model.predict(images)), wanted)


class Copied:
    """Asks for a copy."""

    def __init__(self, tensor):
        self.tensor = tensor

    def __dlpack__(self, **kwargs):
        return self.tensor.__dlpack__(copy=True)

    def __dlpack_device__(self):
        return self.tensor.__dlpack_device__()


if __name__ == "__main__":
    unittest.main()
