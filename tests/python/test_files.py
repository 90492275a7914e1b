"""Models in files of other programs, quantized models, heatmaps."""

import os
import unittest

import keel
import numpy as np
import support


class Files(unittest.TestCase):
    def test_an_exported_model_computes_the_same(self):
        file = support.path("exported.onnx")
        spec = keel.export_model(support.checkpoint(), file)
        self.assertEqual(spec.labels, ("dark", "light"))
        exported = keel.load(file, batch=4)
        self.assertEqual(exported.labels, ("dark", "light"))
        images = support.batch()
        # batch norms are folded into weights that are rounded again: 21 layers, each within 2^-23 of its result
        np.testing.assert_allclose(exported.logits(images), support.model().logits(images), rtol=1e-4, atol=1e-4)
        with self.assertRaisesRegex(keel.UsageError, "exists; overwrite=True"):
            keel.export_model(support.checkpoint(), file)
        keel.export_model(support.checkpoint(), file, outputs="probabilities", opset=13, overwrite=True)
        self.assertEqual(keel.load(file).predict(images).shape, (5, 2))

    def test_weights_go_out_and_come_in(self):
        weights, again = support.path("weights.safetensors"), support.path("again.safetensors")
        keel.export_model(support.checkpoint(), weights)
        self.assertIn("guessed are resnet20", keel.read_model_spec(weights).guessed)
        self.assertEqual(support.model().spec.guessed, "")
        found = keel.import_model(
            weights, again, labels=["dark", "light"], image_size=support.SIDE,
            mean=support.model().spec.mean, std=support.model().spec.std,
        )  # fmt: skip
        self.assertEqual(found.spec.name, "resnet20")
        self.assertFalse(found.is_graph)
        self.assertIsNone(found.largest_difference)
        self.assertTrue(found.notes)
        np.testing.assert_array_equal(
            keel.load(again, batch=4).predict(support.batch()), support.model().predict(support.batch())
        )
        for type_, size in (("f16", 2), ("bf16", 2)):
            keel.export_model(support.checkpoint(), weights, type=type_, overwrite=True)
            self.assertLess(os.path.getsize(weights), os.path.getsize(again) * size / 4 * 1.2)

    def test_bad_files_and_choices(self):
        out = support.path("refused.safetensors")
        with self.assertRaises(keel.InputError):
            keel.import_model(support.checkpoint(), out)  # is one of Keel's own already
        with self.assertRaises(keel.InputError):
            keel.import_model(support.image_file(1), out)
        with self.assertRaises(keel.IoError):
            keel.import_model("/nowhere.pth", out)
        for choices in ({"type": "f8"}, {"opset": 3}, {"outputs": "x"}, {"preprocessing": "x"}):
            name = "refused.safetensors" if "type" in choices else "refused.onnx"
            with self.subTest(choices), self.assertRaises(keel.UsageError):
                keel.export_model(support.checkpoint(), support.path(name), **choices)
        with self.assertRaises(keel.UsageError):
            keel.export_model(support.checkpoint(), support.path("refused.xyz"))
        self.assertFalse(os.path.exists(out))
        with self.assertRaises(keel.IoError):
            keel.export_model(support.checkpoint(), "/nowhere/x.onnx")


class Quantize(unittest.TestCase):
    def test_a_quantized_model_is_near_its_checkpoint(self):
        files = [support.image_file(i) for i in range(40)]
        for name, arguments in (
            ("by-array", {"images": support.model().inputs(files)}),
            ("by-files", {"images": files}),
            ("by-data", {"data": support.class_data(), "count": 20}),
            ("by-all", {"data": support.class_data(), "count": 20, "split": "all"}),
        ):
            out = support.path(name + ".safetensors")
            found = keel.quantize(support.checkpoint(), out, method="minmax", keep_below=0, **arguments)
            self.assertEqual(found.method, "minmax")
            self.assertTrue(found.layers)
            quantized = keel.load(out, batch=4)
            self.assertEqual(quantized.labels, ("dark", "light"))
            self.assertEqual(quantized.predict(support.batch()).shape, (5, 2))
            with self.assertRaises(keel.InputError):
                keel.ClassActivation(out)
        with open(support.path("by-array.safetensors"), "rb") as a, open(support.path("by-files.safetensors"), "rb") as b:
            self.assertEqual(a.read(), b.read())
        self.assertTrue(all(isinstance(remark, str) for remark in found.remarks))
        with self.assertRaisesRegex(keel.UsageError, "exists"):
            keel.quantize(support.checkpoint(), out, data=support.class_data())

    def test_it_is_the_programs_own(self):
        ours, theirs = support.path("ours.safetensors"), support.path("theirs.safetensors")
        keel.quantize(support.checkpoint(), ours, data=support.class_data(), count=20)
        support.program(
            "quantize", "--checkpoint", support.checkpoint(), "--data", support.class_data(), "--images", "20",
            "--out", theirs, "--seed", "0",
        )  # fmt: skip
        with open(ours, "rb") as a, open(theirs, "rb") as b:
            self.assertEqual(a.read(), b.read())

    def test_bad_arguments(self):
        out = support.path("never.safetensors")
        images = support.batch(8)
        for arguments in (
            {},
            {"images": images, "data": support.class_data()},
            {"images": images, "method": "other"},
            {"images": images, "keep": ["no such layer"]},
            {"data": support.class_data(), "split": "other"},
        ):
            with self.subTest(arguments), self.assertRaises(keel.UsageError):
                keel.quantize(support.checkpoint(), out, **arguments)
        for few in (images[:2], np.zeros((8, 16, 16, 3), np.float32), np.full((8, 16, 16, 3), np.nan, np.float32)):
            with self.assertRaises(keel.InputError):
                keel.quantize(support.checkpoint(), out, few)
        self.assertFalse(os.path.exists(out))


class Heatmaps(unittest.TestCase):
    def test_a_maps_mean_and_the_bias_are_the_logit(self):
        activation = keel.ClassActivation(support.checkpoint())
        self.assertFalse(activation.uses_gradients)
        images = support.batch(3)
        maps = activation.maps(images)
        self.assertEqual(maps.shape[0], 3)
        self.assertEqual(maps.shape[3], 2)
        offsets = support.model().logits(images) - maps.mean((1, 2))
        # the bias of each label, the same for all images: sums of 64 products in floats
        np.testing.assert_allclose(offsets, np.broadcast_to(offsets[:1], offsets.shape), rtol=0, atol=1e-4)
        np.testing.assert_array_equal(activation.maps(images, ["light"]), maps[..., 1:])
        np.testing.assert_array_equal(activation.maps(images, [1, 0]), maps[..., ::-1])
        np.testing.assert_array_equal(activation.maps(images.transpose(0, 3, 1, 2)), maps)

    def test_gradients_of_another_layer(self):
        activation = keel.ClassActivation(support.checkpoint(), "layer2")
        self.assertEqual((activation.layer, activation.uses_gradients), ("layer2", True))
        self.assertEqual(activation.maps(support.image_file(2), ["dark"]).shape[-1], 1)
        with self.assertRaises(keel.UsageError):
            keel.ClassActivation(support.checkpoint(), "no such layer")

    def test_a_map_is_laid_over_its_image(self):
        activation = keel.ClassActivation(support.checkpoint())
        image = support.pixels(2, 40, 31)
        laid = activation.overlay(image, "dark")
        self.assertEqual((laid.shape, laid.dtype), ((40, 31, 3), np.dtype(np.uint8)))
        np.testing.assert_array_equal(activation.overlay(support.png(image), "dark"), laid)
        np.testing.assert_array_equal(activation.overlay(image, 0, opacity=0), image)
        self.assertFalse(np.array_equal(activation.overlay(image, 0, colors="viridis"), laid))
        grey = support.pixels(2, 20, 20, 0)
        self.assertEqual(activation.overlay(grey, 0).shape, (20, 20, 3))
        for arguments in (("no label",), (2,), (-1,)):
            with self.subTest(arguments), self.assertRaises(keel.UsageError):
                activation.overlay(image, *arguments)
        for options in ({"colors": "jet"}, {"opacity": 1.5}, {"opacity": float("nan")}):
            with self.subTest(options), self.assertRaises(keel.UsageError):
                activation.overlay(image, 0, **options)
        with self.assertRaises(keel.UsageError):
            activation.overlay([image, image], 0)
        with self.assertRaises(keel.InputError):
            activation.overlay(b"no image", 0)
        with self.assertRaises(keel.UsageError):
            activation.maps(support.batch(1), [])
        with self.assertRaises(keel.InputError):
            activation.maps(np.full((1, 16, 16, 3), np.nan, np.float32))


if __name__ == "__main__":
    unittest.main()
