#!/usr/bin/env python3
"""check_serve.py [--keel build/release/cli/keel] [--models resnet50,densenet121] [--seconds 20]

Measures keel serve on this machine, on random weights: served images a second of 16 clients with raw tensors beside
keel bench, what a lone client waits beyond the model's own time, an open loop below and above what the machine can do,
reloading under load. Prints a table and JSON; exits with 1 where a bar is missed. Plain Python: clients are processes,
which take a part of the same machine's time."""
import argparse
import concurrent.futures
import http.client
import json
import multiprocessing
import os
import pathlib
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

BARS = {"closed_share": 0.9, "alone_p99_ms": 2.0}


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


class Server:
    def __init__(self, keel, model, *options):
        self.process = subprocess.Popen([keel, "serve", f"m={model}", "--listen", "127.0.0.1:0", "--watch", "false", *options],
                                        stderr=subprocess.PIPE, text=True)
        began = time.monotonic()
        for line in self.process.stderr:
            if "listening on" in line:
                self.port = int(line.rsplit(":", 1)[1])
                break
        else:
            raise SystemExit("keel serve did not start")
        self.start_seconds = time.monotonic() - began
        self.reader = concurrent.futures.ThreadPoolExecutor(1).submit(self.process.stderr.read)

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", path)
        return connection.getresponse().read()

    def memory(self):
        for line in self.get("/metrics").decode().splitlines():
            if line.startswith("process_resident_memory_bytes"):
                return float(line.split()[1])
        return 0.0

    def mean_ms(self, name, before):
        """Of a histogram in seconds, since the metrics `before`."""
        def figure(text, suffix):
            return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(f"{name}_{suffix}{{"))
        now = self.get("/metrics").decode()
        return 1e3 * (figure(now, "sum") - figure(before, "sum")) / max(1.0, figure(now, "count") - figure(before, "count"))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        return code, self.reader.result()


def tensor_request(side, timeout_us=0, pixels=False):
    """The bytes of a request with one raw tensor: what the network reads, in f32, or an image's pixels, bytes."""
    data = (struct.pack("<B", 64) if pixels else struct.pack("<f", 0.25)) * (side * side * 3)
    request = {"inputs": [{"name": "pixels" if pixels else "input", "datatype": "UINT8" if pixels else "FP32", "shape": [1, side, side, 3],
                           "parameters": {"binary_data_size": len(data)}}]}
    if timeout_us:
        request["parameters"] = {"timeout": timeout_us}
    head = json.dumps(request).encode()
    return (f"POST /v2/models/m/infer HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n"
            f"Inference-Header-Content-Length: {len(head)}\r\nContent-Length: {len(head) + len(data)}\r\n\r\n").encode() + head + data


class Connection:
    """As little as a client can be, so that what is measured is the server: a request is bytes, of an answer its status is read."""

    def __init__(self, port):
        self.port, self.socket, self.compute_ms = port, None, 0.0

    def ask(self, request):
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=120)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.receive()
        head, body = answer.split(b"\r\n\r\n", 1)
        lines = head.decode().lower().split("\r\n")
        left = next(int(line[15:]) for line in lines if line.startswith("content-length:")) - len(body)
        while left > 0:
            left -= len(self.receive())
        if "connection: close" in lines:
            self.close()
        self.compute_ms = next((float(line.rsplit("compute;dur=", 1)[1]) for line in lines if line.startswith("server-timing:")), 0.0)
        return int(lines[0].split()[1])

    def receive(self):
        some = self.socket.recv(1 << 16)
        if not some:
            raise ConnectionError("the server ended the connection")
        return some

    def close(self):
        if self.socket is not None:
            self.socket.close()
        self.socket = None


def client(port, side, until, period, timeout_us, pixels, results):
    """Asks until the time `until`; `period` seconds lie between two requests' starts, 0: one after the other."""
    connection, request = Connection(port), tensor_request(side, timeout_us, pixels)
    answers, due = [], time.monotonic()
    while time.monotonic() < until:
        if period:
            time.sleep(max(0.0, due - time.monotonic()))
        begin = due if period else time.monotonic()
        due += period
        try:
            answers.append((connection.ask(request), time.monotonic() - begin, connection.compute_ms / 1e3))
        except OSError:
            answers.append((0, time.monotonic() - begin, 0.0))
            connection.close()
    results.put(answers)


def several_clients(count, first, *args):
    """Clients as threads; of an open loop they begin one after the other, `first` seconds apart."""
    threads = []
    for i in range(count):
        threads.append(threading.Thread(target=client, args=args))
        threads[-1].start()
        time.sleep(first)
    for thread in threads:
        thread.join()


def ask(port, side, clients, seconds, rate=0.0, timeout_us=0, pixels=False):
    """Returns (status, seconds, the model's own seconds) of each answer. `rate` requests a second of all clients together, whatever the server answers as long as there are
    clients enough; 0: a closed loop, each client a process."""
    results, until = multiprocessing.Queue(), time.monotonic() + seconds
    period = clients / rate if rate else 0.0
    groups = 4 if rate else clients
    args = (port, side, until, period, timeout_us, pixels, results)
    processes = [multiprocessing.Process(target=several_clients, args=(clients // groups, groups / rate if rate else 0.0, *args))
                 for _ in range(groups)]
    for process in processes:
        process.start()
    answers = [answer for _ in range(clients // groups * groups) for answer in results.get()]
    for process in processes:
        process.join()
    return answers


def bench(keel, checkpoint, batch, steps):
    """Returns images a second of keel bench, and milliseconds a step: the median and what 99 of 100 stay within."""
    out = subprocess.run([keel, "bench", "--checkpoint", checkpoint, "--mode", "infer", "--batch", str(batch), "--steps", str(steps), "--json"],
                         check=True, capture_output=True, text=True).stdout
    figures = json.loads(out)
    return figures["images_per_second"], figures["step_ms_median"], figures["step_ms_p99"]


def make_model(keel, name, folder, int8):
    """A checkpoint of a few images' training, or the int8 model of it."""
    data = folder / "phantom"
    if not data.exists():
        subprocess.run([keel, "data", "synth", str(data), "--count", "64", "--quiet"], check=True, stdout=subprocess.DEVNULL)
    run = folder / name
    subprocess.run([keel, "train", "--model", name, "--data", f"phantom:{data}", "--out", str(run), "--epochs", "1", "--batch-size", "8",
                    "--channels", "3", "--max-steps", "1", "--quiet"], check=True, stdout=subprocess.DEVNULL)
    checkpoint = run / "checkpoints" / "best.safetensors"
    if not int8:
        return checkpoint
    quantized = folder / f"{name}.int8.safetensors"
    subprocess.run([keel, "quantize", "--checkpoint", str(checkpoint), "--data", f"phantom:{data}", "--out", str(quantized), "--quiet"],
                   check=True, stdout=subprocess.DEVNULL)
    return quantized


def alone_beyond(keel, checkpoint, server, side, seconds, rounds=5):
    """What a lone client waits beyond the model's own time: of each request, as its answer's Server-Timing says it; and beyond a step of keel bench of
    one image, in turn with it. Medians of the rounds' medians, and of what 99 of 100 stay within."""
    steps, middle, late, own_middle, own_late = [], [], [], [], []
    for _ in range(rounds):
        _, step, step_late = bench(keel, checkpoint, 1, max(100, int(seconds * 10)))
        answers = [(1e3 * took, 1e3 * own) for status, took, own in ask(server.port, side, 1, seconds / 2) if status == 200]
        beyond, waited = [took - own for took, own in answers], [took for took, _ in answers]
        steps.append(step)
        own_middle.append(percentile(beyond, 0.5))
        own_late.append(percentile(beyond, 0.99))
        middle.append(percentile(waited, 0.5) - step)
        late.append(percentile(waited, 0.99) - step_late)
    return {"alone_ms": statistics.median(steps), "alone_p50_ms": statistics.median(own_middle), "alone_p99_ms": statistics.median(own_late),
            "alone_p99_ms_rounds": own_late, "alone_beyond_bench_p50_ms": statistics.median(middle),
            "alone_beyond_bench_p99_ms": statistics.median(late)}


def closed_beside_bench(keel, checkpoint, server, side, seconds, rounds=5):
    """What 16 clients get, each asking as soon as it is answered, of what keel bench makes of batches of 16 in turn with them: medians of the rounds, whose
    rates differ by more than the server takes."""
    rows = []
    for _ in range(rounds):
        rate, _, _ = bench(keel, checkpoint, 16, max(4, int(seconds / 2)))
        served = []
        for pixels in (False, True):
            answers = ask(server.port, side, 16, seconds / 2, pixels=pixels)
            served.append(sum(1 for status, *_ in answers if status == 200) / (seconds / 2))
            if not served[-1]:
                raise SystemExit(f"none of {len(answers)} requests was answered with 200: {sorted({status for status, *_ in answers})}")
        rows.append((rate, served[0], served[0] / rate, served[1] / rate))
    rate, served, share, share_pixels = (statistics.median(column) for column in zip(*rows))
    return {"bench_16": rate, "served": served, "closed_share": share, "closed_share_pixels": share_pixels,
            "closed_shares": [row[2] for row in rows]}


class Memory:
    """The server's memory, sampled each second while a load runs: what a leak would add to once the load is steady."""

    def __init__(self, server):
        self.samples, self.done = [], threading.Event()
        self.thread = threading.Thread(target=self.sample, args=(server,))

    def sample(self, server):
        while not self.done.wait(1):
            self.samples.append(server.memory() / 2**20)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()

    def growth_mb(self):
        """From when a fifth of the time is over until the end, medians of a tenth of the time each."""
        tenth = max(1, len(self.samples) // 10)
        return statistics.median(self.samples[-tenth:]) - statistics.median(self.samples[2 * tenth : 3 * tenth])


def measure(keel, checkpoint, side, seconds, open_seconds, folder):
    server = Server(keel, str(checkpoint))
    ask(server.port, side, 4, 1.0)  # warm
    report = closed_beside_bench(keel, checkpoint, server, side, seconds)
    before = server.get("/metrics").decode()
    report |= alone_beyond(keel, checkpoint, server, side, seconds)
    report["alone_server_ms"] = server.mean_ms("keel_request_seconds", before) - server.mean_ms("keel_compute_seconds", before)
    batch_seconds, memory = 16 / report["served"], server.memory()
    for share in (0.6, 1.5):
        timeout = 5 * batch_seconds
        with Memory(server) as memory_of_loop:
            answers = ask(server.port, side, 64 if share < 1 else 256, open_seconds, share * report["served"], int(1e6 * timeout))
        taken = [took for status, took, _ in answers if status == 200]
        report[f"open_{int(100 * share)}"] = {
            "requests": len(answers), "answered": len(taken), "refused": sum(1 for status, *_ in answers if status == 429),
            "overdue": sum(1 for status, *_ in answers if status == 504), "lost": sum(1 for status, *_ in answers if status in (0, 500, 503)),
            "late": sum(1 for took in taken if took > timeout + 0.25 * batch_seconds),
            "p99_batches": percentile(taken, 0.99) / batch_seconds, "max_batches": max(taken) / batch_seconds,
            "steady_growth_mb": memory_of_loop.growth_mb()}
    report["memory_growth_mb"] = (server.memory() - memory) / 2**20
    report["start_seconds"] = server.start_seconds
    report["exit_code"], _ = server.stop()
    report["reload"] = measure_reload(keel, checkpoint, side, folder)
    return report


def measure_reload(keel, checkpoint, side, folder, times=50):
    """Replaces the model `times` times under load; every request has to be answered."""
    served = folder / "served.safetensors"
    shutil.copyfile(checkpoint, served)
    server = Server(keel, str(served))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        load = pool.submit(ask, server.port, side, 4, 0.25 * times + 2)
        for _ in range(times):
            new = folder / "served.new"
            shutil.copyfile(checkpoint, new)
            os.replace(new, served)
            server.process.send_signal(signal.SIGHUP)
            time.sleep(0.25)
        answers = load.result()
    loaded = sum(float(line.rsplit(" ", 1)[1]) for line in server.get("/metrics").decode().splitlines()
                 if line.startswith("keel_reloads_total") and "loaded" in line)
    server.stop()
    return {"reloads": loaded, "requests": len(answers), "lost": sum(1 for status, *_ in answers if status != 200)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keel", default="build/release/cli/keel")
    parser.add_argument("--models", default="resnet50,densenet121")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--open-seconds", type=float, help="of each open loop [default: --seconds]")
    parser.add_argument("--f32", action="store_true", help="models as they are; else quantized")
    arguments = parser.parse_args()
    failed = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        reports = {}
        for model in arguments.models.split(","):
            checkpoint = make_model(arguments.keel, model, folder, not arguments.f32)
            reports[model] = measure(arguments.keel, checkpoint, 224, arguments.seconds, arguments.open_seconds or arguments.seconds, folder)
            report = reports[model]
            failed += [f"{model}: {key} {report[key]:.2f}" for key in ("closed_share",) if report[key] < BARS[key]]
            failed += [f"{model}: {key} {report[key]:.2f}" for key in ("alone_p99_ms",) if report[key] > BARS[key]]
            failed += [f"{model}: lost {report[loop]['lost']} ({loop})" for loop in ("open_60", "open_150", "reload") if report[loop]["lost"]]
            if report["open_60"]["refused"] or report["open_60"]["overdue"]:
                failed.append(f"{model}: refused at 60 %")
    print(json.dumps(reports, indent=1))
    for line in failed:
        print("missed:", line, file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
