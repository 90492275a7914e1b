"""Training, observed from Python."""

import os
import signal
import threading
import unittest

import keel
import numpy as np
import support


class Recorder(keel.TrainObserver):
    def __init__(self):
        self.heard, self.threads = [], set()

    def _hear(self, report):
        self.heard.append(report)
        self.threads.add(threading.get_ident())

    on_resume = on_start = on_step = on_epoch = on_checkpoint = on_skip = on_bad_image = _hear

    def of(self, kind):
        return [report for report in self.heard if isinstance(report, kind)]


class StopAfter(Recorder):
    def __init__(self, steps, act=None):
        super().__init__()
        self.steps, self.act = steps, act

    def should_stop(self):
        if len(self.of(keel.StepReport)) < self.steps:
            return None
        return self.act() if self.act else "the test"


def same_weights(first, second):
    images = support.batch()
    return np.array_equal(keel.load(first).logits(images), keel.load(second).logits(images))


class Train(unittest.TestCase):
    def test_an_observer_hears_of_the_run(self):
        observer = Recorder()
        result = support.small_run("heard", support.class_data(), epochs=2, observer=observer)
        (start,) = observer.of(keel.TrainStart)
        self.assertEqual((start.model, start.train_samples, start.val_samples), ("resnet20", 24, 12))
        self.assertEqual(start.label_names, ["dark", "light"])
        steps = observer.of(keel.StepReport)
        self.assertEqual([step.step for step in steps], [1, 2, 3, 4, 5, 6])
        self.assertTrue(all(np.isfinite(step.mean_loss) for step in steps))
        epochs = observer.of(keel.EpochReport)
        self.assertEqual([epoch.epoch for epoch in epochs], [1, 2])
        self.assertIsNotNone(epochs[0].auc)
        self.assertIsNone(epochs[0].auroc)
        self.assertTrue(observer.of(keel.CheckpointReport))
        self.assertEqual(observer.threads, {threading.get_ident()})
        self.assertEqual((result.end, result.epochs, result.steps), ("finished", 2, 6))
        self.assertEqual(result.metric_name, "AUC")
        self.assertEqual(result.best_metric, max(epoch.auc for epoch in epochs))
        self.assertTrue(os.path.exists(result.best) and os.path.exists(result.last))

    def test_weights_are_those_of_the_program(self):
        ours = support.small_run("ours", support.class_data(), lr=0.01, flip=False, milestones=[1, 2], threads=2)
        support.program(
            "train", "--model", "resnet20", "--data", support.class_data(), "--out", support.path("theirs"),
            "--image-size", str(support.SIDE), "--batch-size", "8", "--epochs", "1", "--seed", "1", "--workers", "1",
            "--lr", "0.01", "--no-flip", "--milestones", "1,2", "--threads", "2",
        )  # fmt: skip
        self.assertTrue(same_weights(ours.last, support.path("theirs", "checkpoints", "last.safetensors")))

    def test_a_run_that_was_stopped_goes_on_to_the_bit(self):
        data = support.class_data()
        whole = support.small_run("whole", data, epochs=2)
        stopped = support.small_run("stopped", data, epochs=2, observer=StopAfter(4))
        self.assertEqual((stopped.end, stopped.reason, stopped.steps), ("stopped", "the test", 4))
        observer = Recorder()
        resumed = keel.train(out=support.path("stopped"), resume="auto", observer=observer)
        self.assertEqual((resumed.end, resumed.steps), ("finished", 6))
        self.assertEqual(observer.of(keel.ResumeReport)[0].step, 4)
        self.assertTrue(same_weights(whole.last, resumed.last))
        with self.assertRaisesRegex(keel.UsageError, "resume='auto'"):
            support.small_run("stopped", data)
        with self.assertRaisesRegex(keel.UsageError, "lr"):
            keel.train(out=support.path("stopped"), resume="auto", lr=0.5)

    def test_what_an_observer_throws_comes_out_after_the_state_is_saved(self):
        class Broken(Exception):
            pass

        def fail():
            raise Broken("here")

        with self.assertRaisesRegex(Broken, "here"):
            support.small_run("broken", support.class_data(), epochs=2, observer=StopAfter(2, fail))

        class InStep(keel.TrainObserver):
            def on_step(self, report):
                if report.step == 2:
                    raise Broken("in a step")

        with self.assertRaisesRegex(Broken, "in a step"):
            support.small_run("broken-step", support.class_data(), epochs=2, observer=InStep())
        for name in ("broken", "broken-step"):
            self.assertEqual(keel.train(out=support.path(name), resume="auto").steps, 6)

        with self.assertRaises(Exception):  # an answer that is no text
            support.small_run("no-text", support.class_data(), observer=StopAfter(1, lambda: 3))

    def test_ctrl_c_stops_and_saves(self):
        class Interrupting(keel.TrainObserver):
            def on_step(self, report):
                if report.step == 2:
                    os.kill(os.getpid(), signal.SIGINT)

        with self.assertRaises(KeyboardInterrupt):
            support.small_run("interrupted", support.class_data(), epochs=2, observer=Interrupting())
        self.assertEqual(keel.train(out=support.path("interrupted"), resume="auto").steps, 6)

    def test_a_configuration_file_and_what_outdoes_it(self):
        file = support.write("config.toml", b'model = "resnet20"\nepochs = 5\nimage_size = 16\nbatch_size = 8\n')
        result = keel.train(file, data=support.class_data(), epochs=1, max_steps=1)
        self.assertEqual((result.steps, result.best, result.last), (1, "", ""))
        with self.assertRaises(keel.UsageError):
            keel.train(support.write("bad.toml", b"no_such = 1\n"), data=support.class_data())
        with self.assertRaises(keel.Error):
            keel.train(support.write("broken.toml", b"= 1"), data=support.class_data())
        with self.assertRaises(keel.IoError):
            keel.train("/nowhere.toml")

    def test_bad_options(self):
        data = support.class_data()
        for options in (
            {"no_such": 1},
            {"epochs": 0},
            {"lr": "fast"},
            {"model": "resnet19"},
            {"optimizer": "x"},
            {"data": "nowhere:x"},
            {"data": ""},
            {"flip": 3},
            {"milestones": [2, 1]},
        ):
            with self.subTest(options), self.assertRaises(keel.UsageError):
                support.small_run("bad", **{"data": data, **options})
        with self.assertRaises(keel.Error):
            support.small_run("bad", data, resume=support.image_file(1))
        with self.assertRaises(keel.DivergedError) as caught:
            support.small_run("diverged", data, epochs=3, lr=1e30, optimizer="sgd")
        self.assertIsInstance(caught.exception, ArithmeticError)
        self.assertIn("epochs", keel.train_options())


if __name__ == "__main__":
    unittest.main()
