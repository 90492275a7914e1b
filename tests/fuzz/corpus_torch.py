"""Files of torch.save, valid and hostile, opcode by opcode; put(TARGET, NAME, DATA) takes them. See make_corpus.py."""
import json
import struct

MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def number(value):
    return b"J" + struct.pack("<i", value) if -(1 << 31) <= value < 1 << 31 else b"\x8a\x08" + struct.pack("<q", value)


def numbers(values):
    return b"(" + b"".join(map(number, values)) + b"t"


def storage(key="0", kind="FloatStorage", count=6):
    return b"(" + text("storage") + b"ctorch\n" + kind.encode() + b"\n" + text(key) + text("cpu") + number(count) + b"tQ"


def tensor(sizes=(2, 3), strides=(3, 1), offset=0, where=None):
    return (b"ctorch._utils\n_rebuild_tensor_v2\n(" + (where or storage()) + number(offset) + numbers(sizes) + numbers(strides)
            + b"\x89ccollections\nOrderedDict\n)RtR")


def state(entries):
    return b"}(" + b"".join(text(name) + value for name, value in entries) + b"u"


def pickled(body):
    return b"\x80\x02" + body + b"."


def module(parameters, modules=b"}", memo=b""):
    return (b"cnets\nNet\n)\x81" + memo + b"}(" + text("_parameters") + parameters + text("_buffers") + b"}" + text("_modules") + modules
            + b"ub")


def stream(body, storages, keys=None, version=1001, little=True, counts=None):
    tail = b"".join(struct.pack("<q", counts or len(data) // 4) + data for data in storages.values())
    system = b"}(" + text("little_endian") + (b"\x88" if little else b"\x89") + b"u"
    named = b"](" + b"".join(map(text, keys or storages)) + b"e"
    return MAGIC + pickled(number(version)) + pickled(system) + pickled(body) + pickled(named) + tail


def torch_files(put, archive):
    data = struct.pack("<6f", *range(6))

    def pth(body, storages=None, extra=(), folder="a/"):
        members = [(folder + "data.pkl", pickled(body)), *((folder + name, value) for name, value in extra)]
        members += [(f"{folder}data/{key}", value) for key, value in (storages or {"0": data}).items()]
        return archive(members, 0)

    one = state([("w", tensor())])
    put("torch", "good.pth", pth(one))
    put("torch", "good_stream.pth", stream(one, {"0": data}))
    put("torch", "module.pth", pth(module(one, state([("inner", module(one))]))))
    put("torch", "nested.pth", pth(state([("epoch", number(3)), ("model", one)])))
    put("torch", "scalar.pth", pth(state([("n", tensor((), ()))])))
    put("torch", "transposed.pth", pth(state([("w", tensor((3, 2), (1, 3)))])))
    for kind, size in (("Half", 2), ("BFloat16", 2), ("Double", 8), ("Long", 8), ("Int", 4), ("Short", 2), ("Char", 1), ("Byte", 1), ("Bool", 1)):
        where = storage(kind=kind + "Storage")
        put("torch", kind.lower() + ".pth", pth(state([("w", tensor(where=where))]), {"0": b"\1" * (6 * size)}))
    hostile = {
        "calls": b"cos\nsystem\n(" + text("touch /tmp/called") + b"tR",
        "lies": state([("w", tensor((100, 3), where=storage(count=300)))]),
        "beyond": state([("w", tensor(offset=1))]),
        "offset_huge": state([("w", tensor(offset=(1 << 62)))]),
        "offset_negative": state([("w", tensor(offset=-1))]),
        "dims_negative": state([("w", tensor((-2, 3)))]),
        "dims_overflow": state([("w", tensor((1 << 40, 1 << 40), (1 << 40, 1)))]),
        "dims_five": state([("w", tensor((1, 1, 1, 2, 3), (6, 6, 6, 3, 1)))]),
        "dims_none": state([("w", tensor((0, 3)))]),
        "strides_negative": state([("w", tensor(strides=(3, -1), offset=2))]),
        "strides_overlap": state([("w", tensor((2, 3), (1, 1)))]),
        "strides_zero": state([("w", tensor((1000, 6), (0, 1)))]),
        "strides_fewer": state([("w", tensor((2, 3), (3,)))]),
        "storage_missing": state([("w", tensor(where=storage("7")))]),
        "storage_folder": state([("w", tensor(where=storage("../../../etc/passwd")))]),
        "storage_type": state([("w", tensor(where=storage(kind="ComplexFloatStorage")))]),
        "storage_none": state([("w", tensor(where=b"N"))]),
        "storage_copies": state([(f"w{i}", tensor(where=storage(count=6))) for i in range(5000)]),
        "no_tensors": state([("epoch", number(3)), ("best", b"G" + b"\0" * 8)]),
        "ring": module(one, state([("itself", b"h\x00")]), memo=b"q\x00"),
        "deep": b"".join(b"cnets\nNet\n)\x81}(" + text("_modules") + b"}" + text("m") for _ in range(1000)) + b"N" + b"s" * 0 + b"sub" * 1000,
        "bomb": b"N" * 3_000_000,
        "text_huge": b"X\xff\xff\xff\x7fabc",
        "memo": b"h\x05",
        "stack": b"R",
    }
    for name, body in hostile.items():
        put("torch", name + ".pth", pth(body))
        put("pickle", name + ".pkl", pickled(body))
    put("pickle", "good.pkl", pickled(one))
    put("pickle", "text_protocol.pkl", b"(dS'a'\nI1\nsVb\nF1.5\nsL9L\n(lp0\ng0\nas.")
    put("pickle", "cut.pkl", pickled(one)[:-20])
    put("torch", "two_pickles.pth", pth(one, extra=[("b/data.pkl", pickled(one))]))
    put("torch", "no_pickle.pth", archive([("a/other", b"x")], 0))
    put("torch", "big_endian.pth", pth(one, extra=[("byteorder", b"big")]))
    put("torch", "torchscript.pth", pth(one, extra=[("constants.pkl", pickled(b")"))]))
    put("torch", "cut.pth", pth(one)[:-30])
    put("torch", "stream_version.pth", stream(one, {"0": data}, version=7))
    put("torch", "stream_big_endian.pth", stream(one, {"0": data}, little=False))
    put("torch", "stream_counts.pth", stream(one, {"0": data}, counts=1 << 61))
    put("torch", "stream_cut.pth", stream(one, {"0": data})[:-4])
    put("torch", "stream_keys.pth", stream(one, {"0": data}, keys=["0", "1"]))


def shard_indexes(put):
    """Indexes of models in several files, valid but for the files, which are not there, and hostile."""
    def index(files, **more):
        return json.dumps({"metadata": {"total_size": 24}, "weight_map": files, **more})
    for name, text in {
            "good": index({"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}),
            "outside": index({"a": "../torch/good.pth"}), "absolute": index({"a": "/etc/passwd"}), "parent": index({"a": ".."}),
            "nul": index({"a": "x\0y"}), "folder": index({"a": "torch/good.pth"}), "number": index({"a": 1}), "list": index([]), "none": index({}),
            "text": "not json", "no_map": "{}", "cut": index({"a": "b"})[:-4], "twice": '{"weight_map": {"a": "b", "a": "c"}}',
            "deep": '{"weight_map": ' + "[" * 100000}.items():
        put("shards", name + ".index.json", text)
