#!/usr/bin/env python3
"""The DICOM node among the programs of others: tests/serve/dicom_node.py KEEL [--rounds 20] [--images 100]. The objects of keel predict
--dicom-out are checked by dciodvfy (dicom3tools) and read by dsrdump and dsr2html (dcmtk); storescu sends images, Orthanc gets the answers,
and in each round the node is killed (SIGKILL) at a moment of chance while images are on their way. Orthanc must hold one report for each
image in the end. Skipped (77) where a program is missing. The seed of the moments is printed, and may be given as KEEL_TEST_SEED."""
import argparse
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

REPORT, CAPTURE, MARKS = "1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.11.1"
CLASSES = {"CR": "1.2.840.10008.5.1.4.1.1.1", "DX": "1.2.840.10008.5.1.4.1.1.1.1", "OT": CAPTURE}
ORTHANC = shutil.which("Orthanc", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def element(tag, vr, value):
    if isinstance(value, int):
        value = struct.pack("<H", value)
    if isinstance(value, str):
        value = value.encode("latin-1")
    value += (b"\0" if vr in ("UI", "OW") else b" ") * (len(value) % 2)
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    return head + (struct.pack("<HI", 0, len(value)) if vr in ("OW", "SQ") else struct.pack("<H", len(value))) + value


def write_image(path, study, number, modality="DX", side=48):
    """An X-ray of noise, complete enough for an archive."""
    rng = random.Random(number)
    pixels = struct.pack(f"<{side * side}H", *(rng.randrange(4096) for _ in range(side * side)))
    uid = f"{study}.1.{number}"
    data = b"".join(element(*e) for e in [
        (0x00080005, "CS", "ISO_IR 100"), (0x00080016, "UI", CLASSES[modality]), (0x00080018, "UI", uid), (0x00080020, "DA", "20240131"),
        (0x00080030, "TM", "101500"), (0x00080050, "SH", "A4711"), (0x00080060, "CS", modality), (0x00080090, "PN", "Doctor^Who"),
        (0x00100010, "PN", "M\xfcller^J\xf6rg"), (0x00100020, "LO", "PID-4711"), (0x00100030, "DA", "19470213"), (0x00100040, "CS", "M"),
        (0x0020000D, "UI", study), (0x0020000E, "UI", f"{study}.1"), (0x00200010, "SH", "1"), (0x00200013, "IS", str(number)),
        (0x00280002, "US", 1), (0x00280004, "CS", "MONOCHROME2"), (0x00280010, "US", side), (0x00280011, "US", side), (0x00280100, "US", 16),
        (0x00280101, "US", 12), (0x00280102, "US", 11), (0x00280103, "US", 0), (0x00281050, "DS", "2048"), (0x00281051, "DS", "4096"),
        (0x7FE00010, "OW", pixels)])
    meta = b"".join(element(*e) for e in [(0x00020002, "UI", CLASSES[modality]), (0x00020003, "UI", uid), (0x00020010, "UI", "1.2.840.10008.1.2.1"),
                                          (0x00020012, "UI", "1.2.3.4")])
    path.write_bytes(b"\0" * 128 + b"DICM" + meta + data)
    return uid


def run(*command, code=0, timeout=600, **options):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=timeout, errors="replace", **options)
    if code is not None and done.returncode != code:
        sys.exit(f"FAILED ({done.returncode}, wanted {code}): {' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}")
    return done


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(what, done, seconds=300):
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            sys.exit(f"FAILED: {what}, after {seconds} s")
        time.sleep(0.1)


class Orthanc:
    def __init__(self, folder):
        self.http, self.dicom = free_port(), free_port()
        folder.mkdir()
        config = {"Name": "test", "StorageDirectory": str(folder / "db"), "IndexDirectory": str(folder / "db"), "Plugins": [], "HttpPort": self.http,
                  "DicomAet": "ORTHANC", "DicomPort": self.dicom, "RemoteAccessAllowed": False, "AuthenticationEnabled": False,
                  "OverwriteInstances": False, "DicomAlwaysAllowStore": True}
        (folder / "orthanc.json").write_text(json.dumps(config))
        self.log = open(folder / "log", "w")
        self.process = subprocess.Popen([ORTHANC, folder / "orthanc.json"], stdout=self.log, stderr=self.log)
        until("Orthanc does not start", self.answers, 60)

    def ask(self, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", data=None if body is None else json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.load(answer)

    def answers(self):
        try:
            return bool(self.ask("/system"))
        except (urllib.error.URLError, OSError):
            return False

    def find(self, study, sop_class):
        """Instances of a class in a study, by what Orthanc has in its index."""
        modality = {REPORT: "SR", CAPTURE: "OT", MARKS: "PR"}[sop_class]
        series = self.ask("/tools/find", {"Level": "Series", "Expand": True, "Query": {"StudyInstanceUID": study, "Modality": modality}})
        return [instance for one in series for instance in one["Instances"]]

    def tags(self, instance):
        return self.ask(f"/instances/{instance}/tags?simplify")

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
        self.log.close()


class Node:
    def __init__(self, keel, model, folder, peer_port, *options):
        self.port = free_port()
        self.command = [keel, "serve", f"chexnet={model}", "--listen", "none", "--dicom", f"KEEL:{self.port}", "--dicom-peer",
                        f"ORTHANC@127.0.0.1:{peer_port}", "--dicom-queue", folder, "--threads", "1", *options]
        self.log = tempfile.TemporaryFile()
        self.process = None

    def start(self):
        self.process = subprocess.Popen([str(c) for c in self.command], stdout=self.log, stderr=self.log)
        until("the node does not answer C-ECHO", lambda: self.process.poll() is not None or self.echoes(), 120)
        if self.process.poll() is not None:
            sys.exit(f"FAILED: the node ended\n{self.said()}")

    def echoes(self):
        return run("echoscu", "-aet", "TEST", "-aec", "KEEL", "-to", "5", "127.0.0.1", self.port, code=None).returncode == 0

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.terminate()
        if self.process.wait(120) != 0:
            sys.exit(f"FAILED: the node does not stop in good order\n{self.said()}")


def send(node, files):
    return run("storescu", "-aet", "TEST", "-aec", "KEEL", "-to", "10", "-td", "60", "127.0.0.1", node.port, *files, code=None)


def train(keel, folder):
    run(keel, "data", "synth", folder / "phantom", "--count", "60", "--size", "64", "--balanced", "--quiet")
    run(keel, "train", "--model", "resnet20", "--data", f"phantom:{folder / 'phantom'}", "--out", folder / "run", "--image-size", "32",
        "--batch-size", "8", "--epochs", "1", "--threads", "1", "--quiet")
    model = folder / "run/checkpoints/best.safetensors"
    run(keel, "threshold", "--checkpoint", model, "--data", f"phantom:{folder / 'phantom'}", "--threads", "1", "--quiet")
    return model


def check_object(path):
    """dciodvfy finds no error in it."""
    verdict = run("dciodvfy", "-new", path, code=None)
    errors = [line for line in (verdict.stdout + verdict.stderr).splitlines() if line.startswith("Error")]
    if errors:
        sys.exit(f"FAILED: dciodvfy of {path.name}:\n" + "\n".join(errors))


def check_files(keel, model, folder):
    """keel predict --dicom-out: three objects an image, of each kind of image."""
    images = folder / "images"
    images.mkdir()
    for number, modality in enumerate(CLASSES, 1):
        write_image(images / f"{modality}.dcm", "1.2.826.0.1.77", number, modality)
    out = folder / "answers"
    run(keel, "predict", "--checkpoint", model, "--dicom-out", out, "--dicom-capture", "--dicom-marks", "--threads", "1", images)
    objects = sorted(out.iterdir())
    if len(objects) != 9:
        sys.exit(f"FAILED: wanted 9 objects, got {[p.name for p in objects]}")
    for path in objects:
        check_object(path)
    for path in out.glob("*.report.dcm"):
        text = run("dsrdump", path).stdout
        page = run("dsr2html", path).stdout
        for word in ("Pneumothorax", "Certainty of Finding", "NOT A MEDICAL DEVICE", "Device Observer"):
            if word not in text or word not in page:
                sys.exit(f"FAILED: dsrdump or dsr2html of {path.name} shows no '{word}'\n{text}")
    print(f"{len(objects)} objects without an error of dciodvfy, reports read by dsrdump and dsr2html")


def references(tags):
    evidence = tags["CurrentRequestedProcedureEvidenceSequence"][0]["ReferencedSeriesSequence"][0]["ReferencedSOPSequence"]
    return [item["ReferencedSOPInstanceUID"] for item in evidence]


def check_kills(keel, model, folder, orthanc, rounds, images, seed):
    chance = random.Random(seed)
    answered = killed_at = 0
    for number in range(rounds):
        study = f"1.2.826.0.1.{1000 + number}"
        source = folder / f"study{number}"
        source.mkdir()
        uids = {write_image(source / f"{i}.dcm", study, i) for i in range(images)}
        files = sorted(source.iterdir())
        node = Node(keel, model, folder / "node", orthanc.dicom)
        node.start()
        sender = subprocess.Popen(["storescu", "-aet", "TEST", "-aec", "KEEL", "127.0.0.1", str(node.port), *map(str, files)],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # Somewhere between the first image's arrival and the last answer's delivery: what is there tells how far it is.
        wanted = chance.randrange(2 * images)

        def progress():
            here = len(list((folder / "node/received").glob("*.dcm"))) + len(list((folder / "node/answers").glob("*.report.dcm")))
            return here + 2 * len(orthanc.find(study, REPORT))

        until("nothing goes on", lambda: progress() >= wanted or sender.poll() is not None, 300)
        time.sleep(chance.random() * 0.05)
        killed_at += progress()
        node.kill()
        sender.wait()
        node.start()
        # The sender tries again, as modalities do, all of them: those that were acknowledged as well.
        until("images are not taken", lambda: send(node, files).returncode == 0)
        until(f"round {number}: {len(orthanc.find(study, REPORT))} of {images} reports", lambda: len(orthanc.find(study, REPORT)) >= images)
        time.sleep(0.5)
        node.stop()
        reports = orthanc.find(study, REPORT)
        seen = [uid for report in reports for uid in references(orthanc.tags(report))]
        if len(seen) != images or set(seen) != uids:
            sys.exit(f"FAILED: round {number}: {len(seen)} reports of {len(set(seen))} images, wanted {images}; seed {seed}\n{node.said()}")
        left = [p.name for part in ("received", "answers", "failed") for p in (folder / "node" / part).iterdir()]
        if left:
            sys.exit(f"FAILED: round {number}: left over {left}\n{node.said()}")
        answered += 1
        shutil.rmtree(source)
    print(f"{answered} of {rounds} rounds: {images} images each, answered once, killed after {killed_at / rounds:.0f} of {2 * images} steps on average")


def check_all_objects(keel, model, folder, orthanc):
    """Heatmap and marks reach the archive, and belong to the image's study."""
    study = "1.2.826.0.1.88"
    write_image(folder / "one.dcm", study, 1, "CR")
    node = Node(keel, model, folder / "other", orthanc.dicom, "--dicom-capture", "true", "--dicom-marks", "true")
    node.start()
    send(node, [folder / "one.dcm"])
    until("no answer", lambda: all(orthanc.find(study, c) for c in (REPORT, CAPTURE, MARKS)))
    node.stop()
    patient = orthanc.ask("/tools/find", {"Level": "Patient", "Expand": True, "Query": {"PatientID": "PID-4711"}})
    if len(patient) != 1 or "M\xfcller^J\xf6rg" != patient[0]["MainDicomTags"]["PatientName"]:
        sys.exit(f"FAILED: the patient became {patient}")
    print("report, capture and marks are in the image's study")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("keel", type=Path)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--images", type=int, default=100)
    args = parser.parse_args()
    for program in ("storescu", "echoscu", "dsrdump", "dsr2html", "dciodvfy"):
        if shutil.which(program) is None:
            print(f"skipped: {program} is missing (dcmtk, dicom3tools)")
            sys.exit(77)
    if "--dicom-out" not in run(args.keel, "predict", "--help").stdout:
        sys.exit("FAILED: this keel knows no --dicom-out")
    seed = int(os.environ.get("KEEL_TEST_SEED", time.time_ns() % 1_000_000))
    print(f"seed {seed}")
    with tempfile.TemporaryDirectory(prefix="keel-dicom-") as name:
        folder = Path(name)
        keel = args.keel.resolve()
        model = train(keel, folder)
        check_files(keel, model, folder)
        if ORTHANC is None:
            print("skipped: Orthanc is missing (orthanc)")
            sys.exit(77)
        orthanc = Orthanc(folder / "orthanc")
        try:
            check_all_objects(keel, model, folder, orthanc)
            check_kills(keel, model, folder, orthanc, args.rounds, args.images, seed)
        finally:
            orthanc.stop()


main()
