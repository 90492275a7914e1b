"""What predict() takes, and gives."""

import os
import pathlib
import pickle
import unittest

import keel
import numpy as np
import support


class Arrays(unittest.TestCase):
    def test_scores_are_probabilities_of_the_logits(self):
        model, images = support.model(), support.batch()
        logits, scores = model.logits(images), model.predict(images)
        self.assertEqual((scores.shape, scores.dtype), ((5, 2), np.dtype(np.float32)))
        odds = np.exp(logits.astype(np.float64))
        # each is rounded once: half an ulp of a number below 1
        np.testing.assert_allclose(scores, odds / odds.sum(1, keepdims=True), rtol=0, atol=2**-24)
        labels = support.model(support.label_checkpoint())
        grey = support.batch(3, channels=1)
        np.testing.assert_allclose(
            labels.predict(grey), 1 / (1 + np.exp(-labels.logits(grey).astype(np.float64))), rtol=0, atol=2**-24
        )

    def test_an_image_alone_and_in_a_batch_are_the_same(self):
        model, images = support.model(), support.batch()
        together = model.predict(images)
        for i, image in enumerate(images):
            np.testing.assert_array_equal(model.predict(image), together[i : i + 1])
        self.assertEqual(model.predict(images[:0]).shape, (0, 2))
        self.assertEqual(model.predict([]).shape, (0, 2))

    def test_layouts_are_the_same_images(self):
        model, images = support.model(), support.batch()
        wanted = model.predict(images)
        planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
        np.testing.assert_array_equal(model.predict(planes), wanted)
        np.testing.assert_array_equal(model.predict(planes, layout="NCHW"), wanted)
        np.testing.assert_array_equal(model.predict(images, layout="NHWC"), wanted)
        np.testing.assert_array_equal(model.predict(planes[2]), wanted[2:3])
        np.testing.assert_array_equal(model.predict(images[2], layout="HWC"), wanted[2:3])
        np.testing.assert_array_equal(model.predict(list(images)), wanted)
        np.testing.assert_array_equal(model.predict(tuple(planes), layout="CHW"), wanted)
        grey = support.model(support.label_checkpoint())
        one = support.batch(4, channels=1)
        np.testing.assert_array_equal(grey.predict(one[..., 0]), grey.predict(one))
        np.testing.assert_array_equal(grey.predict(one[1, ..., 0]), grey.predict(one)[1:2])
        np.testing.assert_array_equal(grey.predict(one[:, np.newaxis, ..., 0]), grey.predict(one))

    def test_views_of_any_strides_are_read_as_what_they_show(self):
        model = support.model()
        wide = support.batch(5, side=2 * support.SIDE)
        for view in (
            wide[:, ::2, ::2],
            wide[::-1, 16:, 16:],
            wide[:, 15::-1, 15::-1, ::-1],
            np.asfortranarray(wide[:, :16, :16]),
            np.broadcast_to(wide[:1, :16, :16], (5, 16, 16, 3)),
        ):
            np.testing.assert_array_equal(model.predict(view), model.predict(view.copy()))
        unaligned = np.frombuffer(b"x" + wide[:, :16, :16].tobytes(), np.uint8)[1:].view(np.float32)
        self.assertFalse(unaligned.flags.aligned)
        unaligned = unaligned.reshape(5, 16, 16, 3)
        np.testing.assert_array_equal(model.predict(unaligned), model.predict(wide[:, :16, :16].copy()))

    def test_a_read_only_array_is_read(self):
        model, images = support.model(), support.batch()
        wanted = model.predict(images)
        images.flags.writeable = False
        np.testing.assert_array_equal(model.predict(images), wanted)

    def test_other_types_are_refused_by_name(self):
        model = support.model()
        for dtype in (np.float64, np.float16, np.int32, np.int8, np.complex64, np.bool_, object, ">f4", "S4", "M8[s]"):
            with self.subTest(dtype), self.assertRaisesRegex(keel.UsageError, str(np.dtype(dtype)).replace("[", r"\[")):
                model.predict(np.zeros((2, 16, 16, 3), np.uint8).astype(dtype))
        with self.assertRaisesRegex(keel.UsageError, "uint8 are pixels"):
            model.predict(support.pixels(1), pixels=False)
        for wrong in (None, 3, 2.5, {"a": 1}, object()):
            with self.subTest(wrong), self.assertRaises(keel.UsageError):
                model.predict(wrong)
        masked = np.ma.masked_array(support.batch(), mask=False)
        masked[0, 0, 0, 0] = np.ma.masked
        with self.assertRaisesRegex(keel.UsageError, "masked"):
            model.predict(masked)

    def test_other_shapes_are_refused(self):
        model = support.model()
        for shape in ((), (3,), (16, 16), (2, 15, 16, 3), (2, 16, 16, 4), (16, 16, 1), (1, 1, 16, 16, 3), (0, 0, 0, 0)):
            with self.subTest(shape), self.assertRaises(keel.UsageError):
                model.predict(np.zeros(shape, np.float32))
        with self.assertRaisesRegex(keel.UsageError, "NHWC has 4 axes"):
            model.predict(np.zeros((16, 16, 3), np.float32), layout="NHWC")
        with self.assertRaisesRegex(keel.UsageError, "wanted a layout of"):
            model.predict(np.zeros((16, 16, 3), np.float32), layout="WHC")
        with self.assertRaisesRegex(keel.UsageError, r"dims \[n, 16, 16, 3\]"):
            model.predict(np.zeros((2, 16, 16, 3), np.float32), layout="NCHW")
        with self.assertRaisesRegex(keel.UsageError, "several sizes"):
            model.predict([support.batch(1)[0], support.batch(1, side=8)[0]], layout="HWC")
        with self.assertRaisesRegex(keel.UsageError, "not both"):
            model.predict([support.batch(1)[0], support.image_file(0)])

    def test_nan_and_infinity_have_no_answer(self):
        model, images = support.model(), support.batch(4)
        good = model.predict(images)
        images[1, 3, 3, 0] = np.nan
        images[3, 0, 0, 0] = -np.inf
        with self.assertRaisesRegex(keel.InputError, "image 2 of 4 has no answer.*and 1 more"):
            model.predict(images)
        none = []
        scores = model.predict(images, unanswered=none)
        self.assertEqual([one.image for one in none], [1, 3])
        self.assertIn("NaN or infinity", none[0].why)
        np.testing.assert_array_equal(scores[[0, 2]], good[[0, 2]])
        self.assertTrue(np.isnan(scores[[1, 3]]).all())


class Pixels(unittest.TestCase):
    def test_pixels_files_and_bytes_are_the_same_image(self):
        model = support.model()
        files = [support.image_file(seed) for seed in range(40)]
        wanted = model.predict(files)
        self.assertEqual(wanted.shape, (40, 2))
        arrays = [support.pixels(seed) for seed in range(40)]
        np.testing.assert_array_equal(model.predict(arrays), wanted)
        np.testing.assert_array_equal(model.predict(np.stack(arrays)), wanted)
        np.testing.assert_array_equal(model.predict(np.stack(arrays).transpose(0, 3, 1, 2)), wanted)
        for make in (bytes, bytearray, memoryview):
            np.testing.assert_array_equal(model.predict([make(support.png(a)) for a in arrays[:3]]), wanted[:3])
        np.testing.assert_array_equal(model.predict([pathlib.Path(f) for f in files[:3]]), wanted[:3])
        np.testing.assert_array_equal(model.predict(files[7]), wanted[7:8])
        np.testing.assert_array_equal(model.predict([files[0], arrays[1], support.png(arrays[2])]), wanted[:3])
        np.testing.assert_array_equal(model.inputs(files), np.concatenate([model.inputs(a) for a in arrays]))
        np.testing.assert_array_equal(model.predict(model.inputs(files)), wanted)

    def test_scores_of_files_are_those_of_the_program(self):
        files = [support.image_file(seed) for seed in range(3)]
        for precision in ("f32", "bf16"):
            said = support.program(
                "predict", "--checkpoint", support.checkpoint(), "--precision", precision, *files
            )
            model = keel.load(support.checkpoint(), batch=len(files), precision=precision)
            self.assertEqual(said["precision"], model.precision)
            for one, row in zip(said["images"], model.predict(files)):
                self.assertEqual([np.float32(one["scores"][label]) for label in model.labels], list(row))

    def test_sixteen_bits_and_floats_from_0_to_1(self):
        model = support.model()
        eight = support.pixels(4, support.SIDE, support.SIDE)
        wanted = model.inputs(eight)
        np.testing.assert_array_equal(model.inputs(eight.astype(np.uint16) * 257), wanted)
        np.testing.assert_array_equal(model.inputs(eight / np.float32(255), pixels=True), wanted)

    def test_grey_becomes_rgb_and_rgb_grey(self):
        rgb, grey = support.model(), support.model(support.label_checkpoint())
        shades = support.pixels(5, channels=0)
        np.testing.assert_array_equal(rgb.predict(shades), rgb.predict(np.repeat(shades[..., None], 3, 2)))
        np.testing.assert_array_equal(rgb.predict(shades), rgb.predict(support.image_file(5, 0)))
        np.testing.assert_array_equal(grey.predict(np.repeat(shades[..., None], 3, 2)), grey.predict(shades))
        several = np.stack([support.pixels(seed, channels=0) for seed in range(5)])
        np.testing.assert_array_equal(grey.predict(several), grey.predict(list(several)))

    def test_what_may_be_two_things_is_asked_for(self):
        model = support.model(support.label_checkpoint())
        three = np.stack([support.pixels(seed, channels=0) for seed in range(3)])
        with self.assertRaisesRegex(keel.UsageError, "may be CHW or NHW"):
            model.predict(three)
        self.assertEqual(model.predict(three, layout="NHW").shape, (3, 2))
        self.assertEqual(model.predict(three, layout="CHW").shape, (1, 2))

    def test_views_of_pixels_and_odd_sizes(self):
        model = support.model()
        large = support.pixels(1, 97, 101)
        for view in (large[::-1], large[:, ::-1], large[::2, ::3], large[..., ::-1]):
            np.testing.assert_array_equal(model.predict(view), model.predict(view.copy()))
        self.assertEqual(model.predict(large[:1, :1], layout="HWC").shape, (1, 2))
        for shape in ((0, 4, 3), (4, 0, 3), (16385, 1, 3)):
            with self.subTest(shape), self.assertRaisesRegex(keel.InputError, "wanted sides of 1 to"):
                model.predict(np.zeros(shape, np.uint8), layout="HWC")
        for channels in (2, 4):  # RGBA, say
            with self.assertRaises(keel.UsageError):
                model.predict(np.zeros((9, 9, channels), np.uint8))
        with self.assertRaisesRegex(keel.InputError, "image 1"):
            model.predict(np.zeros((4, 4, 2), np.uint8), layout="HWC")
        with self.assertRaisesRegex(keel.InputError, "image 1"):
            model.predict(np.full((4, 4, 3), np.nan, np.float32), pixels=True)

    def test_hostile_files_are_input_errors(self):
        model = support.model()
        good = support.png(support.pixels(0))
        hostile = {
            "empty": b"",
            "text": b"no image at all",
            "cut": good[:-30],
            "huge": good[:16] + b"\x7f\xff\xff\xff\x7f\xff\xff\xff" + good[24:],
            "flipped": good[:60] + bytes([good[60] ^ 255]) + good[61:],
        }
        for name, data in hostile.items():
            with self.subTest(name):
                with self.assertRaisesRegex(keel.InputError, "image 1"):
                    model.predict(data)
                with self.assertRaisesRegex(keel.InputError, name):
                    model.predict(support.write(name + ".png", data))
        none = []
        scores = model.predict([good, *hostile.values(), good], unanswered=none)
        self.assertEqual([one.image for one in none], [1, 2, 3, 4, 5])
        np.testing.assert_array_equal(scores[[0, -1]], model.predict([good, good]))
        self.assertTrue(np.isnan(scores[1:-1]).all())
        with self.assertRaises(keel.IoError) as caught:
            model.predict("/nowhere/image.png")
        self.assertIsInstance(caught.exception, OSError)
        self.assertIn("/nowhere/image.png", str(caught.exception))
        with self.assertRaises(ValueError):
            model.predict("a\0b")
        with self.assertRaisesRegex(keel.UsageError, "steps"):
            model.predict(memoryview(good)[::2])

    def test_names_that_are_no_utf8(self):
        name = support.write("a.png", support.png(support.pixels(0)))
        odd = os.fsencode(support.path("")) + b"r\xf6ntgen.png"
        os.replace(name, odd)
        model = support.model()
        np.testing.assert_array_equal(model.predict(os.fsdecode(odd)), model.predict(support.pixels(0)))
        with self.assertRaises(keel.IoError) as caught:
            model.predict(os.fsdecode(odd) + "x")
        self.assertEqual(os.fsencode(str(caught.exception)).count(b"\xf6"), 1)


class Out(unittest.TestCase):
    def test_results_go_to_the_memory_given(self):
        model, images = support.model(), support.batch()
        memory = np.full((9, 2), 7, np.float32)
        out = memory[2:7]
        self.assertIs(model.predict(images, out=out), out)
        np.testing.assert_array_equal(out, model.predict(images))
        self.assertTrue((memory[:2] == 7).all() and (memory[7:] == 7).all())
        self.assertIs(model.logits(images, out=out), out)
        np.testing.assert_array_equal(out, model.logits(images))
        files = [support.image_file(seed) for seed in range(5)]
        model.predict(files, out=out)
        np.testing.assert_array_equal(out, model.predict(files))
        tensor = keel.from_dlpack(np.zeros((5, 2), np.float32))
        self.assertIs(model.predict(images, out=tensor), tensor)
        np.testing.assert_array_equal(np.asarray(tensor), model.predict(images))

    def test_other_memory_is_refused(self):
        model, images = support.model(), support.batch()
        fixed = np.zeros((5, 2), np.float32)
        fixed.flags.writeable = False
        for out in (
            np.zeros((4, 2), np.float32),
            np.zeros((5, 2)),
            np.zeros((2, 5), np.float32).T,
            np.zeros((5, 4), np.float32)[:, ::2],
            np.zeros(11 * 4, np.uint8)[1:41].view(np.float32).reshape(5, 2),
            fixed,
            [[0.0, 0.0]] * 5,
            "scores",
        ):
            with self.assertRaises(keel.UsageError):
                model.predict(images, out=out)
        self.assertEqual(fixed.sum(), 0)
        with self.assertRaisesRegex(keel.UsageError, "memory of the images"):
            model.predict(images, out=images.reshape(-1)[:10].reshape(5, 2))

    def test_memory_is_shared_not_copied(self):
        model, images = support.model(), support.batch(64)
        before = keel.memory_in_use()
        scores = model.predict(images)
        held = keel.memory_in_use() - before
        self.assertLess(held, images.nbytes)
        self.assertIsNotNone(scores.base)
        view = model.inputs(images)
        self.assertTrue(np.shares_memory(view, images))


class Models(unittest.TestCase):
    def test_a_model_says_what_it_is(self):
        model = support.model()
        self.assertEqual(model.labels, ("dark", "light"))
        self.assertEqual((model.image_size, model.channels, model.multi_label), (16, 3, False))
        self.assertEqual((model.precision, model.precision_note, model.batch), ("f32", "", 4))
        self.assertEqual(model.spec.name, "resnet20")
        self.assertEqual((len(model.spec.mean), len(model.spec.std)), (3, 3))
        self.assertIn("resnet20", repr(model))
        self.assertIsNone(model.thresholds())
        self.assertEqual(keel.read_model_spec(support.checkpoint()).labels, model.labels)
        self.assertEqual(keel.load(pathlib.Path(support.checkpoint())).labels, model.labels)

    def test_bf16_says_where_it_is_not_to_be_had(self):
        model = keel.load(support.checkpoint(), precision="bf16")
        if model.precision == "f32" or not keel.multiplies_bf16():
            self.assertNotEqual(model.precision_note, "")
        else:
            self.assertEqual(model.precision_note, "")
        automatic = keel.load(support.checkpoint(), precision="auto")
        self.assertEqual(automatic.precision == "bf16", keel.multiplies_bf16() and model.precision == "bf16")

    def test_wrong_arguments_and_files(self):
        for options in ({"precision": "f8"}, {"batch": 0}, {"batch": -3}, {"tta": "all"}, {"crop": 99, "resize": 20}):
            with self.subTest(options), self.assertRaises(keel.UsageError):
                keel.load(support.checkpoint(), **options)
        with self.assertRaisesRegex(keel.UsageError, "calibration"):
            keel.load(support.checkpoint(), calibrated=True)
        with self.assertRaises(keel.IoError) as caught:
            keel.load("/nowhere/best.safetensors")
        self.assertEqual(caught.exception.errno, 2)
        with open(support.checkpoint(), "rb") as file:
            good = file.read()
        for name, data in (
            ("empty", b""),
            ("cut", good[: len(good) // 2]),
            ("length", b"\xff" * 8 + good[8:]),
            ("pickle", b"\x80\x02cos\nsystem\nU\x04true\x85R."),
        ):
            with self.subTest(name), self.assertRaises(keel.InputError):
                keel.load(support.write(name + ".safetensors", data))
        for wrong in (None, 3, 1.5):
            with self.assertRaises(TypeError):
                keel.load(wrong)

    def test_a_model_is_pickled_as_its_file_and_options(self):
        model = keel.load(support.checkpoint(), batch=3)
        again = pickle.loads(pickle.dumps(model))
        self.assertEqual(again.batch, 3)
        np.testing.assert_array_equal(again.predict(support.batch()), model.predict(support.batch()))

    def test_views_are_averaged(self):
        whole = support.model()
        flip = keel.load(support.checkpoint(), tta="flip", batch=4)
        images = support.batch()
        mean = (whole.predict(images).astype(np.float64) + whole.predict(images[:, :, ::-1])) / 2
        # both are rounded once from doubles
        np.testing.assert_allclose(flip.predict(images), mean, rtol=0, atol=2**-24)
        out = np.empty((5, 2), np.float32)
        np.testing.assert_array_equal(flip.predict(images, out=out), flip.predict(images))
        with self.assertRaisesRegex(keel.UsageError, "no logits"):
            flip.logits(images)
        crops = keel.load(support.checkpoint(), tta="ten-crop", resize=20, crop=16)
        self.assertEqual(crops.image_size, 20)
        self.assertEqual(crops.predict(support.pixels(3)).shape, (1, 2))


if __name__ == "__main__":
    unittest.main()
