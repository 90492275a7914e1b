"""Threads, processes, and what a call leaves behind."""

import gc
import multiprocessing
import os
import sys
import threading
import time
import unittest

import keel
import numpy as np
import support

DEADLINE = 120  # seconds, for what takes one


def in_threads(count, work):
    """Runs work(number) on threads of their own and returns what they threw."""
    errors = []

    def run(number):
        try:
            work(number)
        except BaseException as error:  # noqa: B902
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    assert not any(thread.is_alive() for thread in threads), "a thread does not end"
    return errors


def child(work):
    """Returns the exit code of a forked process that does some work."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if work() else 3
        finally:
            os._exit(code)
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return "does not end"


def predicted(arguments):
    file, images = arguments
    return keel.load(file, batch=4).predict(images)


class Threads(unittest.TestCase):
    def test_eight_threads_share_a_model(self):
        model = support.model()
        inputs = [support.batch(n + 1, seed=n) for n in range(8)]
        files = [support.image_file(seed) for seed in range(8)]
        wanted, scored = [model.predict(images) for images in inputs], model.predict(files)

        def work(number):
            for i in range(20):
                which = (number + i) % 8
                np.testing.assert_array_equal(model.predict(inputs[which]), wanted[which])
                np.testing.assert_array_equal(model.predict(files[which]), scored[which : which + 1])
                with self.assertRaises(keel.InputError):
                    model.predict(b"no image")

        self.assertEqual(in_threads(8, work), [])

    def test_models_are_loaded_and_dropped_by_threads(self):
        images = support.batch()
        wanted = support.model().predict(images)

        def work(number):
            for _ in range(3):
                model = keel.load(support.checkpoint(), batch=4)
                np.testing.assert_array_equal(model.predict(images), wanted)

        self.assertEqual(in_threads(8, work), [])

    def test_heatmaps_serve_one_thread_after_the_other(self):
        activation = keel.ClassActivation(support.checkpoint())
        images = support.batch(2)
        wanted = activation.maps(images)

        def work(number):
            for _ in range(5):
                np.testing.assert_array_equal(activation.maps(images), wanted)

        self.assertEqual(in_threads(8, work), [])

    def test_python_goes_on_while_keel_computes(self):
        model, images = support.model(), support.batch(100)
        turn, ran = threading.Lock(), threading.Event()
        turn.acquire()

        def wait():
            with turn:
                ran.set()

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        before = sys.getswitchinterval()
        sys.setswitchinterval(1000)  # nobody takes Python's lock from this thread: it has to let go of it
        try:
            turn.release()
            for _ in range(1000):
                model.predict(images)
                if ran.is_set():
                    break
        finally:
            went_on = ran.is_set()
            sys.setswitchinterval(before)
        thread.join(DEADLINE)
        self.assertTrue(went_on)

    def test_the_number_of_threads(self):
        model, images = support.model(), support.batch()
        wanted, before = model.predict(images), keel.threads()
        try:
            for threads in (1, 2, 3):
                keel.set_threads(threads)
                np.testing.assert_array_equal(model.predict(images), wanted)
                self.assertLessEqual(keel.threads(), threads)
            for wrong in (0, -1, 5000):
                with self.assertRaises(keel.UsageError):
                    keel.set_threads(wrong)
        finally:
            keel.set_threads(before)
        self.assertIsInstance(keel.thread_shortage(), str)


class Processes(unittest.TestCase):
    def test_a_forked_child_predicts(self):
        model, images = support.model(), support.batch()
        wanted = model.predict(images)
        self.assertEqual(child(lambda: np.array_equal(model.predict(images), wanted)), 0)
        self.assertEqual(child(lambda: np.array_equal(predicted((support.checkpoint(), images)), wanted)), 0)
        self.assertEqual(
            child(lambda: child(lambda: np.array_equal(model.predict(images), wanted)) == 0), 0
        )
        np.testing.assert_array_equal(model.predict(images), wanted)

    def test_forks_while_other_threads_predict(self):
        model, images = support.model(), support.batch()
        wanted, done = model.predict(images), threading.Event()

        def predict():
            while not done.is_set():
                model.predict(images)

        threads = [threading.Thread(target=predict, daemon=True) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(10):
                self.assertEqual(child(lambda: np.array_equal(model.predict(images), wanted)), 0)
        finally:
            done.set()
        for thread in threads:
            thread.join(DEADLINE)

    def test_a_pool_of_processes(self):
        images = support.batch()
        wanted = support.model().predict(images)
        with multiprocessing.get_context("fork").Pool(2) as pool:
            for scores in pool.map(predicted, [(support.checkpoint(), images)] * 4):
                np.testing.assert_array_equal(scores, wanted)


class Leaks(unittest.TestCase):
    """What is repeated leaves nothing behind: no reference, no memory of Keel's, no object of Python's."""

    def assert_keeps_nothing(self, work, watched=(), shared=(None, keel.InputError, keel.UsageError)):
        """`watched` are this test's own; `shared` are others', too, who come and go."""
        repeats, growth = 100, []
        for _ in range(20):
            work()
        gc.collect()
        references, held = [sys.getrefcount(one) for one in watched], keel.memory_in_use()
        for _ in range(8):  # what Python keeps for itself comes and goes; a leak grows by one a call every time
            before = [sys.getallocatedblocks(), *[sys.getrefcount(one) for one in shared]]
            for _ in range(repeats):
                work()
            gc.collect()
            after = [sys.getallocatedblocks(), *[sys.getrefcount(one) for one in shared]]
            growth.append([now - then for now, then in zip(after, before)])
            if max(map(abs, growth[-1])) < repeats // 2:
                break
        self.assertEqual([sys.getrefcount(one) for one in watched], references)
        self.assertEqual(keel.memory_in_use(), held)
        self.assertLess(max(map(abs, growth[-1])), repeats // 2, growth)

    def test_predictions(self):
        model, images, out = support.model(), support.batch(2), np.zeros((2, 2), np.float32)
        file, shades = support.image_file(1), support.pixels(1)
        data = support.png(shades)

        def work():
            model.predict(images)
            model.predict(images, out=out)
            model.predict(images[:, ::-1])
            model.predict([file, data, shades])
            model.inputs(shades)

        self.assert_keeps_nothing(work, (images, out, shades, data, file, model))

    def test_errors(self):
        model, images = support.model(), np.full((2, 16, 16, 3), np.nan, np.float32)
        wrong = np.zeros((2, 3))

        def work():
            for bad in (images, wrong, b"no image", "/nowhere.png", None):
                try:
                    model.predict(bad)
                except (keel.Error, OSError):
                    pass
            model.predict([b"no image", b"nor this"], unanswered=[])
            try:
                keel.load(support.image_file(1))
            except keel.InputError:
                pass

        self.assert_keeps_nothing(work, (images, wrong))

    def test_tensors(self):
        array = np.zeros((2, 16, 16, 3), np.float32)
        model = support.model()

        def work():
            tensor = keel.from_dlpack(array)
            np.from_dlpack(tensor)
            np.asarray(tensor)
            tensor.__dlpack__()
            model.predict(tensor)
            try:
                keel.from_dlpack(array.T)
            except keel.UsageError:
                pass

        self.assert_keeps_nothing(work, (array, model))

    def test_models(self):
        def work():
            keel.ClassActivation(support.checkpoint()).maps(support.batch(1))

        for _ in range(2):
            work()
        gc.collect()
        held = keel.memory_in_use()
        for _ in range(5):
            work()
        gc.collect()
        self.assertEqual(keel.memory_in_use(), held)


class Memory(unittest.TestCase):
    def test_a_limit_is_kept(self):
        model, images = support.model(), support.batch(256)
        wanted = model.predict(images)
        keel.trim_memory()
        try:
            keel.set_memory_limit(keel.memory_in_use() + 4096)
            with self.assertRaises(MemoryError):
                model.predict(images)
        finally:
            keel.set_memory_limit(0)
        np.testing.assert_array_equal(model.predict(images), wanted)
        with self.assertRaises(keel.UsageError):
            keel.set_memory_limit(-1)


if __name__ == "__main__":
    unittest.main()
