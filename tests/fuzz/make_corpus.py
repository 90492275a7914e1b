#!/usr/bin/env python3
"""make_corpus.py DIR: writes valid and hostile files for each fuzz target, DIR/TARGET/NAME.

The fuzzers start from them, tests/cli/test_hostile.cpp feeds them to the program. Plain Python, the same bytes every time."""
import gzip
import json
import pathlib
import struct
import sys

from corpus_dicom import dicom_files
from corpus_dicom_peer import dicom_peer_streams
from corpus_images import images
from corpus_models import graphs, weights
from corpus_npz import archive, npz_files
from corpus_onnx import onnx_files
from corpus_serve import http_streams, infer_bodies, serve_configs
from corpus_torch import shard_indexes, torch_files
from corpus_tune import searches, spaces

ROOT = pathlib.Path(sys.argv[1])


def put(target, name, data):
    path = ROOT / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())


# Label tables and other CSV ------------------------------------------------------------------------------------------

HEADER = "Image Index,Finding Labels,Follow-up #,Patient ID\n"


def csv():
    put("csv", "good.csv", HEADER + "a.png,Mass|Nodule,0,1\nb.png,No Finding,1,2\n")
    put("csv", "crlf_and_bom.csv", b"\xEF\xBB\xBF" + (HEADER + "a.png,Mass,0,1\n").replace("\n", "\r\n").encode())
    put("csv", "quoted.csv", HEADER + '"a.png","Mass","0","1"\n')
    put("csv", "open_quote.csv", HEADER + '"a.png,Mass,0,1\n')
    put("csv", "empty.csv", "")
    put("csv", "header_alone.csv", HEADER)
    put("csv", "no_column.csv", "Image Index,Patient ID\na.png,1\n")
    put("csv", "unknown_label.csv", HEADER + "a.png,Mas,0,1\n")
    put("csv", "short_row.csv", HEADER + "a.png,Mass\n")
    put("csv", "twice.csv", HEADER + "a.png,Mass,0,1\na.png,Mass,0,1\n")
    put("csv", "no_patient.csv", HEADER + "a.png,Mass,0,\n")
    put("csv", "no_image.csv", HEADER + "elsewhere.png,Mass,0,1\n")
    put("csv", "binary.csv", bytes(range(256)) * 4)
    put("csv", "many_commas.csv", HEADER + "," * 5000 + "\n")
    put("csv", "zeros.csv", b"\0" * 500)


def table():
    """Tables of csv: and of the published sets, which fuzz_table.cpp reads each as all of them."""
    put("table", "good.csv", "path,split,Mass,Edema\na.png,train,1,-1\nb.png,val,0,\n")
    put("table", "roles.csv", "Path,PatientID,view,sex,age,weight,x\na.png,007,PA,F,058Y,1,1\nb.png,7.0,L,M,,2,0\n")
    put("table", "named.csv", "image;labels\na.png;Mass|Edema\nb.png;No Finding\n")
    put("table", "lists.csv", "image\tlabels\na.png\t['Mass', 'x y']\nb.png\t[]\n")
    put("table", "classes.csv", "image,class\r\"a.png\",dog\rb.png,cat\r")
    put("table", "utf16.csv", b"\xff\xfe" + "path,x\na.png,1\nb.png,0\n".encode("utf-16-le"))
    put("table", "packed.csv.gz", gzip.compress(b"path,x\na.png,1\nb.png,0\n", mtime=0))
    put("table", "truncated.csv.gz", gzip.compress(b"path,x\na.png,1\nb.png,0\n" * 50, mtime=0)[:40])
    put("table", "chexpert.csv", "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Pleural Effusion\n"
        "CheXpert-v1.0/train/patient00001/a.png,Male,3,Frontal,AP,1.0,\n"
        "CheXpert-v1.0/train/patient00002/b.png,Male,3,Lateral,,,-1.0\n")
    put("table", "mimic.csv", "dicom_id,subject_id,study_id,split,ViewPosition\na,10000001,50000001,train,PA\n")
    put("table", "padchest.csv", "ImageID,ImageDir,Projection,PatientBirth,StudyDate_DICOM,Labels\n"
        "a.png,0,PA,1930.0,20140915,\"['a', \"\"b\"\"]\"\nb.png,0,L,,,['normal']\n")
    put("table", "vindr.csv", "image_id,rad_id,Mass,No finding\na,R1,1,0\na,R2,0,1\nb,R1,0,1\n")
    put("table", "boxes.csv", "image_id,class_name,rad_id,x_min\na,Mass,R1,1\nb,No finding,R1,\n")
    put("table", "rsna.csv", "patientId,x,y,width,height,Target\na,,,,,0\nb,1.0,2.0,3.0,4.0,1\n")
    put("table", "open_quote.csv", 'path,x\na.png,"1\nb.png,0\n')
    put("table", "after_quote.csv", 'path,x\n"a.png"b,1\n')
    put("table", "many_cells.csv", "path,x\n" + "," * 5000 + "\n")
    put("table", "no_images.csv", "x,y\n1,0\n")
    put("table", "no_labels.csv", "path,n\na.png,17\nb.png,18\n")
    put("table", "short_row.csv", "path,x,y\na.png,1\n")
    put("table", "other_labels.csv", "path,x\na.png,1\na.png,0\n")
    put("table", "bad_list.csv", "path,labels\na.png,['x'\nb.png,['y']\n")
    put("table", "utf32.csv", "path,x\na.png,1\n".encode("utf-32"))
    put("table", "odd_utf16.csv", b"\xff\xfe" + b"p\0x")
    put("table", "not_there.csv", "path,x\nelsewhere/a/b/c.png,1\n../../etc/passwd,0\n")


def predictions():
    head = "Image Index,prob_Mass,prob_Hernia,true_Mass,true_Hernia\n"
    put("predictions", "labels.csv", head + "a.png,0.25,1,1,0\nb.png,1e-9,0.5,,1\n")
    put("predictions", "classes.csv", "Image Index,prob_cat,prob_dog,class\na.png,0.25,0.75,dog\n")
    put("predictions", "anybody.csv", "Hernia,Image Index,prob_Mass\n-3.5,a.png,12\n")
    put("predictions", "quoted.csv", 'Image Index,"prob_Mass","Hernia"\n"a,"".png",0.5,0.5\n')
    put("predictions", "crlf_and_bom.csv", b"\xEF\xBB\xBF" + (head + "a.png,0,1,0,1\n").replace("\n", "\r\n").encode())
    put("predictions", "empty.csv", "")
    put("predictions", "header_alone.csv", head)
    put("predictions", "no_name.csv", "prob_Mass\n0.5\n")
    put("predictions", "unknown_label.csv", "Image Index,prob_Mas\na.png,0.5\n")
    put("predictions", "column_twice.csv", "Image Index,prob_Mass,Mass\na.png,0.5,0.5\n")
    put("predictions", "name_twice.csv", "Image Index,Mass,Hernia\na.png,0.5,0\na.png,0.5,0\n")
    for name, cell in {"nan": "nan", "infinite": "-inf", "overflow": "1e999", "text": "x", "nothing": "", "hexadecimal": "0x1p3",
                       "control": "\x1b[31m", "huge": "9" * 100000}.items():
        put("predictions", "cell_" + name + ".csv", "Image Index,Mass\na.png," + cell + "\n")
    put("predictions", "short_row.csv", "Image Index,Mass\na.png\n")
    put("predictions", "long_row.csv", "Image Index,Mass\na.png,0.5" + ",0" * 5000 + "\n")
    put("predictions", "open_quote.csv", 'Image Index,Mass\n"a.png,0.5\n')
    put("predictions", "binary.csv", bytes(range(256)) * 4)


# Packs: the index; the fuzz target and the tests give it the checksum that Python's library has no function for -----------------------


def pack_record(offset=16, truth=0, shard=0, width=8, height=8, name=1, patient=1, bits=0, known=None):
    record = struct.pack("<QQQIIIIII", offset, 0, truth, shard, width, height, name, patient, bits)
    return record if known is None else record + struct.pack("<Q", known)  # version 2


def pack_index(records=None, shards=(208, ), samples=None, magic=b"KEELPACK", version=1, task=1, channels=1, side=8,
               labels=("Mass", "Nodule"), texts=None, text_bytes=None, reading='{"bit_depth": 12}'):
    records = [pack_record(16 + 64 * i, truth=i) for i in range(3)] if records is None else records
    if texts is None:
        texts = b"".join(struct.pack("<I", len(label)) + label.encode() for label in labels) + b"a1" * len(records)
        if version == 3:
            texts = struct.pack("<I", len(reading)) + reading.encode() + texts
    header = magic + struct.pack("<IIIIII", version, task, channels, side, len(labels), len(shards))
    header += struct.pack("<QQQ", *(samples or (len(records), 0, 0)))
    header += struct.pack("<Q", len(texts) if text_bytes is None else text_bytes)
    return header + struct.pack("<%dQ" % len(shards), *shards) + b"".join(records) + texts + b"\0" * 8


def packs():
    good = pack_index()
    put("pack", "labels.keelpack", good)
    put("pack", "classes.keelpack", pack_index(task=0, labels=("cat", "dog", "owl")))
    put("pack", "own_sizes.keelpack", pack_index([pack_record(width=3, height=5), pack_record(width=16, height=12)], side=0))
    put("pack", "colors.keelpack", pack_index([pack_record()], channels=3))
    put("pack", "splits.keelpack", pack_index(samples=(1, 1, 1)))
    put("pack", "nothing.keelpack", pack_index([], shards=()))
    put("pack", "empty.keelpack", b"")
    put("pack", "header_alone.keelpack", good[:64])
    put("pack", "truncated.keelpack", good[:-20])
    put("pack", "longer.keelpack", good + b"x")
    put("pack", "magic.keelpack", pack_index(magic=b"KEELPICK"))
    put("pack", "version.keelpack", pack_index(version=4))
    put("pack", "reading.keelpack", pack_index([pack_record(bits=8, known=1)], version=3))
    put("pack", "floats.keelpack", pack_index([pack_record(width=4, height=4, bits=32, known=1)], version=3, side=4))
    put("pack", "reading_no_json.keelpack", pack_index([pack_record(bits=8, known=1)], version=3, reading="{"))
    put("pack", "reading_range.keelpack", pack_index([pack_record(bits=8, known=1)], version=3, reading='{"page": -5}'))
    put("pack", "unknown_labels.keelpack", pack_index([pack_record(bits=8, known=1), pack_record(bits=8, known=0)], version=2))
    put("pack", "wide_samples.keelpack", pack_index([pack_record(bits=16, known=7)], version=2, channels=1))
    put("pack", "seven_channels.keelpack",
        pack_index([pack_record(width=3, height=5, bits=8, known=7)], version=2, channels=7, side=0))
    put("pack", "bits.keelpack", pack_index([pack_record(bits=12, known=7)], version=2))
    put("pack", "version_2_of_version_1.keelpack", pack_index(version=2))
    put("pack", "task.keelpack", pack_index(task=2))
    put("pack", "channels.keelpack", pack_index(channels=0))
    put("pack", "side.keelpack", pack_index(side=0xFFFFFFFF))
    put("pack", "labels_none.keelpack", pack_index(labels=()))
    put("pack", "labels_many.keelpack", pack_index(labels=[str(i) for i in range(65)]))
    put("pack", "labels_twice.keelpack", pack_index(labels=("Mass", "Mass")))
    put("pack", "labels_control.keelpack", pack_index(labels=("Mass", "\x1b[31m")))
    put("pack", "samples_huge.keelpack", pack_index(samples=(1 << 63, 0, 0)))
    put("pack", "samples_overflow.keelpack", pack_index(samples=((1 << 64) // 48 + 1, 0, 0)))
    put("pack", "texts_huge.keelpack", pack_index(text_bytes=(1 << 64) - 1))
    put("pack", "texts_short.keelpack", pack_index(texts=b"\xff\xff\xff\xff" + b"x" * 30))
    put("pack", "shard_huge.keelpack", pack_index(shards=((1 << 64) - 1, )))
    for name, record in {"offset_huge": pack_record(offset=(1 << 64) - 1), "offset_small": pack_record(offset=0),
                         "behind_end": pack_record(offset=145), "truth": pack_record(truth=4), "shard": pack_record(shard=7),
                         "width_zero": pack_record(width=0), "width_huge": pack_record(width=0xFFFFFFFF, height=0xFFFFFFFF),
                         "bomb": pack_record(width=16384, height=6000), "name_none": pack_record(name=0),
                         "name_huge": pack_record(name=0xFFFFFFFF), "patient_huge": pack_record(patient=0xFFFFFFFF),
                         "reserved": pack_record(bits=1)}.items():
        put("pack", "record_" + name + ".keelpack", pack_index([record], side=0))


# TOML and options ----------------------------------------------------------------------------------------------------


def configuration():
    put("toml", "good.toml", 'model = "densenet121"\ndata = "nih:x"\nout = "runs/x"\nepochs = 3\nlr = 0.1\nmilestones = [1, 2]\nflip = false\n')
    put("toml", "syntax.toml", "epochs = = 3\n")
    put("toml", "unknown_key.toml", "epocs = 3\n")
    put("toml", "text_for_number.toml", 'epochs = "three"\n')
    put("toml", "fraction_for_whole.toml", "epochs = 1.5\n")
    put("toml", "out_of_range.toml", "batch_size = 0\n")
    put("toml", "overflow.toml", "epochs = 9223372036854775807\n")
    put("toml", "overflow_of_toml.toml", "epochs = 99999999999999999999999\n")
    put("toml", "infinite.toml", "lr = inf\n")
    put("toml", "nan.toml", "lr = nan\n")
    put("toml", "negative.toml", "weight_decay = -1.0\n")
    put("toml", "minus_zero.toml", "weight_decay = -0.0\nmean = [-0.0, 0.25, 0.5]\n")
    put("toml", "word.toml", 'optimizer = "sdg"\n')
    put("toml", "table.toml", "[train]\nepochs = 3\n")
    put("toml", "date.toml", "epochs = 1979-05-27\n")
    put("toml", "mixed_list.toml", 'milestones = [1, "two"]\n')
    put("toml", "falling.toml", 'model = "resnet18"\ndata = "nih:x"\nout = "x"\nschedule = "step"\nmilestones = [5, 3]\n')
    put("toml", "twice.toml", "epochs = 1\nepochs = 2\n")
    put("toml", "binary.toml", bytes(range(256)))
    put("toml", "no_value.toml", "milestones = [5, }\n")
    put("toml", "beyond_ascii.toml", "milestones = [5, \u01a2]\n")
    put("toml", "deep.toml", "milestones = " + "[" * 2000 + "]" * 2000 + "\n")
    put("toml", "bad_utf8.toml", b'model = "\xc3\x28"\n')
    put("toml", "control.toml", b'model = "a\x00b"\n')
    put("options", "good", "epochs=3\nlr=0.1\nmilestones=1,2\nflip=false\nmean=0.5,0.5,0.5\nmodel=resnet18\n")
    for name, text in {"infinite": "lr=inf", "nan": "lr=nan", "hexadecimal": "epochs=0x10", "overflow": "epochs=1e300",
                       "negative": "seed=-1", "list": "milestones=1,,2", "empty": "epochs=", "spaces": "epochs= 3",
                       "bad_utf8": "model=\udcff"}.items():
        put("options", name, text.encode("utf-8", "surrogateescape"))


# Tuning and heartbeats -----------------------------------------------------------------------------------------------


def tuning():
    choice = {"src": [1, 8, 8, 16], "weights": [16, 3, 3], "stride": [1, 1], "pad": [1, 1], "dilation": [1, 1], "kernels": "own",
              "own_ms": 1.0, "onednn_ms": 2.0}
    for name, change in {"good": {}, "huge": {"src": [1 << 62] * 4}, "negative": {"pad": [-9, -9]}, "zero_stride": {"stride": [0, 0]},
                         "float": {"weights": [1e300, 3, 3]}, "short": {"src": [1]}, "kernels": {"kernels": "theirs"}}.items():
        put("tuning", name + ".json", json.dumps([{**choice, **change}]))
    put("tuning", "text.json", "not json")


def frames():
    """Heartbeats: magic, kind, failure, flags, 0, rank, exit code, step, collectives, seconds, bucket, token, zeros."""
    def frame(kind=3, failure=0, flags=1, reserved=0, rank=1, code=0, step=7, collectives=21, seconds=0.5, bucket=2, token=b"t" * 16, tail=b""):
        return struct.pack("<IBBBBiiqqdi16s", 0x3242484B, kind, failure, flags, reserved, rank, code, step, collectives, seconds, bucket,
                           token).ljust(64, b"\0")[:64 - len(tail)] + tail
    for name, change in {"good": {}, "farewell": {"kind": 4, "code": 75}, "no_kind": {"kind": 99}, "nan": {"seconds": float("nan")},
                         "before": {"seconds": -1.0}, "tail": {"tail": b"x"}, "reserved": {"reserved": 1}, "flags": {"flags": 255},
                         "far": {"rank": -1, "step": -1 << 63, "bucket": -1 << 31},
                         "host": {"kind": 8, "code": 16}, "lost": {"kind": 7, "failure": 1}}.items():
        put("frames", name, frame(**change))
    put("frames", "several", frame() + frame(kind=4) + frame(flags=2) + frame()[:13])
    put("frames", "empty", b"")
    words = "ab" * 16
    for name, text in {"address": f"node1|4242|{words}|{words}|10.0.0.1,fe80::1", "no_port": f"node1|70000|{words}|{words}|", "short": "node1"}.items():
        put("frames", name, text)


def scale():
    """Machines and traces of keel scale."""
    machine = 'name = "x"\nranks_per_node = 2\n[network]\ngbits = 25\n[failures]\nnode_mtbf_hours = 5000\nrestart_seconds = 120\n'
    for name, text in {"good": machine, "unknown": "[network]\ngbit = 25\n", "zero": "[network]\ngbits = 0\n", "nan": "[network]\ngbits = nan\n",
                       "text": '[network]\ngbits = "25"\n', "nested": "[network.gbits]\nx = 1\n", "half": "ranks_per_node = 2.5\n"}.items():
        put("scale", name + ".toml", text)
    put("scale", "binary.toml", bytes(range(256)))
    put("scale", "deep.toml", "a = " + "[" * 2000 + "]" * 2000 + "\n")

    def event(name, ts, dur, pid=0, tid=0):
        return {"name": name, "ph": "X", "pid": pid, "tid": tid, "ts": ts, "dur": dur}
    step = [event("conv", 0, 50), event("wait for sums", 50, 5), event("sgd_update", 60, 5)]
    steps = step + [{**e, "ts": e["ts"] + 100} for e in step] + [event("conv", 200, 5)]
    for name, events in {"good": steps, "one_step": step, "two_threads": steps + [event("sgd_update", 0, 1, tid=3)],
                         "long_wait": steps + [event("wait for input", 110, 1e9)], "huge": steps + [event("sgd_update", 1e308, 1e308)],
                         "no_time": [{"name": "x", "ph": "X"}], "text": ["x"], "none": []}.items():
        put("scale", name + ".json", json.dumps({"traceEvents": events}))
    put("scale", "deep.json", "[" * 100000)


images(put)
dicom_files(put)
dicom_peer_streams(put)
npz_files(put)
csv()
table()
packs()
predictions()
configuration()
weights(put)
torch_files(put, archive)
shard_indexes(put)
onnx_files(put)
graphs(put)
tuning()
frames()
def costs():
    """Nodes of keel estimate --node, what runs spent, power files."""
    node = {"cpu": "x", "like": "ice_lake", "isa": "avx512", "cores": 8, "ghz": 2.0, "gflops": 500.0, "memory_gbs": 50.0,
            "core_memory_gbs": 10.0, "region_us": 2.0, "memory_bytes": 64000000000}
    put("costs", "node.json", json.dumps({"speed": node, "warnings": []}))
    for name, change in [("no_cores", {"cores": None}), ("half_core", {"cores": 2.5}), ("no_gflops", {"gflops": 0}),
                         ("negative", {"memory_gbs": -3}), ("huge", {"gflops": 1e300}), ("text", {"cores": "8"}),
                         ("isa", {"isa": "abacus"}), ("like", {"like": "pentium"})]:
        put("costs", f"node_{name}.json", json.dumps({"speed": {**node, **change}}))
    put("costs", "node_list.json", "[]")
    put("costs", "node_deep.json", "[" * 100000)
    put("costs", "node_binary.json", bytes(range(256)))
    put("costs", "spent.json", json.dumps({"seconds": 12.5, "core_hours": 0.1, "kwh": 0.2, "kwh_estimated": True,
                                           "energy_source": "estimate", "processes": 2}))
    put("costs", "watts.txt", "215.3 W\n")
    put("costs", "watts_negative.txt", "-3")
    put("costs", "watts_unit.txt", "3 horses")
    put("costs", "watts_nan.txt", "nan")
    put("costs", "watts_long.txt", "1" * 5000)
    put("costs", "cpus.txt", "0,28-31")


scale()
costs()
for name, text in spaces().items():
    put("space", name, text)
for name, text in searches().items():
    put("search", name, text)
for name, data in infer_bodies().items():
    put("infer", name, data)
for name, data in http_streams().items():
    put("http", name, data)
for name, data in serve_configs().items():
    put("serve", name + ".toml", data)
