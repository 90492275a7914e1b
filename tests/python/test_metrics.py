"""Scores, against plain definitions and against what the program says."""

import unittest

import keel
import numpy as np
import support
from keel import metrics


def drawn(n=200, seed=0, levels=30):
    draws = np.random.default_rng(seed)
    return draws.integers(0, levels, n) / levels, draws.integers(0, 2, n)


def pairs(scores, targets):
    """AUROC by its definition: the share of pairs in the right order, ties count half."""
    positive, negative = scores[targets == 1], scores[targets == 0]
    difference = positive[:, None] - negative[None]
    return ((difference > 0) + 0.5 * (difference == 0)).mean()


class Metrics(unittest.TestCase):
    def test_auroc_is_the_share_of_pairs_in_order(self):
        for seed in range(5):
            scores, targets = drawn(seed=seed)
            # sums of halves over at most 10,000 pairs: exact but for the division
            self.assertAlmostEqual(metrics.auroc(scores, targets), pairs(scores, targets), delta=1e-15)
            self.assertEqual(metrics.auroc(list(scores), targets == 1), metrics.auroc(scores, targets))
            low, high = metrics.auroc_interval(scores, targets)
            self.assertTrue(0 <= low < metrics.auroc(scores, targets) < high <= 1)

    def test_unknown_targets_are_left_out(self):
        scores, targets = drawn()
        known = np.arange(200) % 3 > 0
        some = np.where(known, targets, -1)
        self.assertEqual(metrics.auroc(scores, some), metrics.auroc(scores[known], targets[known]))
        self.assertEqual(
            metrics.calibration_error(scores, some), metrics.calibration_error(scores[known], targets[known])
        )

    def test_calibration_error_is_the_mean_distance_of_the_bins(self):
        scores, targets = drawn(levels=1000)
        bins = np.minimum((scores * 15).astype(int), 14)
        wanted = sum(abs(scores[bins == k].sum() - targets[bins == k].sum()) for k in range(15)) / 200
        self.assertAlmostEqual(metrics.calibration_error(scores, targets), wanted, delta=1e-12)
        self.assertIsNone(metrics.calibration_error(scores + 1, targets))
        self.assertIsNone(metrics.calibration_error([], []))

    def test_curves_and_points(self):
        scores, targets = drawn()
        curve = metrics.roc_curve(scores, targets)
        np.testing.assert_array_equal(curve.thresholds, np.unique(scores)[::-1])
        for threshold, hits, alarms in zip(*curve):
            self.assertEqual(hits, np.mean(scores[targets == 1] >= threshold))
            self.assertEqual(alarms, np.mean(scores[targets == 0] >= threshold))
        point = metrics.youden_point(scores, targets)
        best = np.argmax(curve.true_positive_rate - curve.false_positive_rate)
        self.assertEqual(point.threshold, curve.thresholds[best])
        self.assertEqual(point.sensitivity, curve.true_positive_rate[best])
        f1 = metrics.best_f1(scores, targets)
        self.assertEqual(f1.threshold, metrics.f1_point(scores, targets).threshold)
        self.assertGreaterEqual(metrics.sensitivity_point(scores, targets, 0.95).sensitivity, 0.95)
        self.assertEqual(metrics.average_precision([0.9, 0.8, 0.1], [1, 0, 1]), 0.5 * 1 + 0.5 * 2 / 3)

    def test_what_is_undefined_is_none(self):
        for score in (metrics.auroc, metrics.auroc_interval, metrics.roc_curve, metrics.youden_point):
            self.assertIsNone(score([0.1, 0.2], [1, 1]))
            self.assertIsNone(score([], []))
        self.assertIsNone(metrics.average_precision([0.1, 0.2], [0, 0]))
        self.assertIsNone(metrics.fit_platt([0.1], [1]))
        per_label, mean = metrics.label_auroc([[0.1, 0.2], [0.3, 0.1]], [[0, 1], [1, 1]])
        self.assertEqual((per_label, mean), ([1.0, None], 1.0))

    def test_classes(self):
        probabilities = np.array([[0.5, 0.5, 0], [0.1, 0.2, 0.7], [0.3, 0.6, 0.1], [0.2, 0.3, 0.5]], np.float32)
        self.assertEqual(metrics.accuracy(probabilities, [0, 2, 2, 1]), 0.5)
        self.assertEqual(metrics.class_auc(probabilities[:, :2], np.array([0, 1, 1, 0])), 0.5)
        for classes in ([0, 1, 2], [0, 1, 2, 3], [0, -1, 1, 1], [0.0, 1.0, 1.0, 2.0]):
            with self.assertRaises(keel.UsageError):
                metrics.accuracy(probabilities, classes)

    def test_bad_input(self):
        with self.assertRaises(keel.InputError):
            metrics.auroc([0.1, np.nan], [0, 1])
        with self.assertRaises(keel.UsageError):
            metrics.auroc([0.1, 0.2], [0, 1, 1])
        with self.assertRaises(keel.UsageError):
            metrics.auroc([[0.1, 0.2]], [[0, 1]])
        with self.assertRaises(keel.UsageError):
            metrics.auroc(["a", "b"], [0, 1])
        with self.assertRaises(keel.UsageError):
            metrics.label_scores(np.zeros((2, 2)), np.zeros((2, 2)), ["a"])
        with self.assertRaises(keel.UsageError):
            metrics.calibration_error([0.1], [1], 0)

    def test_a_table_has_the_scores_of_each_label(self):
        scores = np.stack([drawn(seed=k)[0] for k in range(3)], 1)
        targets = np.stack([drawn(seed=k)[1] for k in range(3)], 1)
        table = metrics.label_scores(scores, targets, ["a", "b", "c"])
        for k, row in enumerate(table):
            self.assertEqual(row.label, "abc"[k])
            self.assertEqual((row.positives, row.negatives), ((targets[:, k] == 1).sum(), (targets[:, k] == 0).sum()))
            self.assertEqual(row.auroc, metrics.auroc(scores[:, k], targets[:, k]))
            self.assertEqual(row.interval, metrics.auroc_interval(scores[:, k], targets[:, k]))
            self.assertEqual(row.best_f1, metrics.best_f1(scores[:, k], targets[:, k]))


class Evaluations(unittest.TestCase):
    def test_numbers_are_those_of_the_program(self):
        for file, data in (
            (support.checkpoint(), support.class_data()),
            (support.label_checkpoint(), support.label_data()),
        ):
            for split in ("test", "all"):
                said = support.program("eval", "--checkpoint", file, "--data", data, "--split", split)
                found = keel.evaluate(file, data, split=split)
                self.assertEqual(len(found.names), said["samples"])
                self.assertEqual(found.loss, said["loss"])
                self.assertEqual(found.precision, said["precision"])
                if found.spec.multi_label:
                    self.assertEqual(found.auroc, [said["auroc"][label] for label in found.labels])
                    self.assertEqual(found.mean_auroc, said["auroc"]["mean"])
                else:
                    self.assertEqual((found.accuracy, found.auc), (said["accuracy"], said["auc"]))

    def test_an_ensemble_and_views(self):
        first = support.checkpoint()
        second = support.small_run("second-run", support.class_data(), max_steps=2, seed=9).last
        data = support.class_data()
        alone = [keel.evaluate(file, data).probabilities for file in (first, second)]
        together = keel.evaluate([first, second], data)
        np.testing.assert_array_equal(
            together.probabilities, ((alone[0].astype(np.float64) + alone[1]) / 2).astype(np.float32)
        )
        said = support.program(
            "eval", "--checkpoint", first, "--checkpoint", second, "--data", data, "--tta", "flip"
        )
        self.assertEqual(keel.evaluate([first, second], data, tta="flip").loss, said["loss"])

    def test_what_comes_with_the_samples(self):
        found = keel.evaluate(support.label_checkpoint(), support.label_data(), split="val")
        self.assertEqual(found.labels, ("Mass", "Edema"))
        self.assertEqual(found.probabilities.shape, (16, 2))
        self.assertEqual(set(np.unique(found.targets)), {-1.0, 0.0, 1.0})
        self.assertEqual(set(found.attributes["sex"]), {"F", "M"})
        self.assertEqual(found.patients[0], "p1")
        row = found.table()[0]
        self.assertEqual(row.auroc, found.auroc[0])
        self.assertIsNone(found.accuracy)
        classes = keel.evaluate(support.checkpoint(), support.class_data())
        self.assertEqual(sorted(set(classes.classes)), [0, 1])
        self.assertEqual(classes.table()[1].auroc, classes.auc)
        self.assertIsNone(classes.targets)

    def test_a_file_of_predictions_is_the_programs(self):
        for file, data in (
            (support.checkpoint(), support.class_data()),
            (support.label_checkpoint(), support.label_data()),
        ):
            ours, theirs = support.path("ours.csv"), support.path("theirs.csv")
            keel.evaluate(file, data).write_csv(ours)
            support.program("eval", "--checkpoint", file, "--data", data, "--predictions", theirs)
            with open(ours, "rb") as a, open(theirs, "rb") as b:
                self.assertEqual(a.read(), b.read())
        found = keel.evaluate(support.label_checkpoint(), support.label_data())
        found.write_csv(ours)
        said = support.program("score", "--predictions", ours)
        for row in found.table():
            self.assertEqual(said["auroc"][row.label], row.auroc)
            self.assertEqual(said["auroc_interval"][row.label], list(row.interval))
            self.assertEqual(said["average_precision"][row.label], row.average_precision)
            self.assertEqual(said["calibration_error"][row.label], row.calibration_error)
            self.assertEqual(said["best_f1"][row.label], row.best_f1._asdict())
            self.assertEqual(said["positives"][row.label], row.positives)
        said = support.program("score", "--predictions", ours, "--by", "sex", "--fewest", "1", "--replicates", "0")
        for group in said["subgroups"]["by"][0]["groups"]:
            rows = np.array(found.attributes["sex"]) == group["group"]
            scores = metrics.label_scores(found.probabilities[rows], found.targets[rows], found.labels)
            self.assertEqual(
                [group["labels"][row.label]["auroc"] for row in scores], [row.auroc for row in scores]
            )
        with self.assertRaises(keel.IoError) as caught:
            found.write_csv("/nowhere/scores.csv")
        self.assertEqual(caught.exception.errno, 2)

    def test_progress_hears_of_batches_and_may_end_the_work(self):
        heard = []
        keel.evaluate(support.checkpoint(), support.class_data(), batch=4, progress=lambda *p: heard.append(p))
        self.assertEqual(heard[-1], (16, 16))
        self.assertEqual(len(heard), 4)

        class Enough(Exception):
            pass

        def end(done, total):
            raise Enough(done)

        with self.assertRaises(Enough):
            keel.evaluate(support.checkpoint(), support.class_data(), batch=4, progress=end)

    def test_bad_arguments(self):
        file, data = support.checkpoint(), support.class_data()
        for arguments in (
            {"split": "other"},
            {"precision": "f8"},
            {"tta": "x"},
            {"batch": 0},
            {"workers": -1},
            {"calibrated": True},
            {"data_options": {"no_such": 1}},
            {"data_options": {"val_fraction": 7}},
        ):
            with self.subTest(arguments), self.assertRaises(keel.UsageError):
                keel.evaluate(file, data, **arguments)
        with self.assertRaises(keel.UsageError):
            keel.evaluate([], data)
        with self.assertRaises(keel.UsageError):
            keel.evaluate(file, "nowhere:" + support.folder())
        with self.assertRaises(keel.InputError):
            keel.evaluate([file, support.label_checkpoint()], data)

    def test_thresholds_and_calibration_of_the_program(self):
        out = support.path("calibrated.safetensors")
        support.program(
            "threshold", "--checkpoint", support.checkpoint(), "--data", support.class_data(), "--split", "train",
            "--calibrate", "temperature", "--out", out,
        )  # fmt: skip
        plain, calibrated = keel.load(out, batch=4), keel.load(out, batch=4, calibrated=True)
        images = support.batch()
        self.assertEqual(len(plain.thresholds()), 2)
        self.assertEqual(plain.thresholds("youden"), plain.thresholds())
        with self.assertRaisesRegex(keel.UsageError, "youden"):
            plain.thresholds("other")
        scores = plain.predict(images)
        np.testing.assert_array_equal(calibrated.predict(images), plain.spec.calibrated(scores))
        np.testing.assert_array_equal(plain.predict(images), scores)
        out_array = np.empty((5, 2), np.float32)
        self.assertIs(calibrated.predict(images, out=out_array), out_array)
        np.testing.assert_array_equal(out_array, calibrated.predict(images))
        self.assertEqual(plain.spec.operating_points["calibration"], "temperature")


if __name__ == "__main__":
    unittest.main()
