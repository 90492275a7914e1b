"""safetensors of the corpus and what checkpoints and graphs say in them, valid and hostile; put(TARGET, NAME, DATA) takes them. See
make_corpus.py."""
import json
import struct


def safetensors(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(begin, end, shape=None, dtype="F32"):
    return {"dtype": dtype, "shape": [(end - begin) // 4] if shape is None else shape, "data_offsets": [begin, end]}


SPEC = {"name": "resnet18", "classes": 2, "channels": 3, "small_stem": False, "dropout": -1.0, "image_size": 64, "mean": [0.5],
        "std": [0.25], "multi_label": False, "label_names": ["a", "b"]}


def checkpoint(spec=None, tensors=None, data=b"", metadata=None):
    """As Keel writes them. The XXH3-64 of no data at all is known; whoever gives data gets a wrong one."""
    says = {"keel.format": "1", "keel.xxh3": "2d06800538d394c2"}
    if spec is not None:
        says["keel.model"] = spec if isinstance(spec, str) else json.dumps(spec)
    says.update(metadata or {})
    return safetensors({"__metadata__": says, **(tensors or {})}, data)


def weights(put):
    put("safetensors", "good.safetensors", safetensors({"a": tensor(0, 8), "b": tensor(8, 12)}, b"\0" * 12))
    put("safetensors", "all_types.safetensors", safetensors(
        {"a": tensor(0, 8, [1], "F64"), "b": tensor(8, 16, [1], "I64"), "c": tensor(16, 18, [1], "F16"),
         "d": tensor(18, 20, [1], "BF16"), "e": tensor(20, 22, [1], "I16"), "f": tensor(22, 23, [1], "BOOL"),
         "g": tensor(23, 24, [1], "I8")}, b"\1" * 24))
    put("safetensors", "pytorch.pth", b"PK\x03\x04" + b"archive/data.pkl" * 10)
    put("safetensors", "pickle.pth", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + b"\0" * 100)
    put("safetensors", "keras.h5", b"\x89HDF\r\n\x1a\n" + b"\0" * 100)
    put("safetensors", "empty.safetensors", b"")
    put("safetensors", "seven_bytes.safetensors", b"\0" * 7)
    put("safetensors", "header_too_long.safetensors", safetensors({"a": tensor(0, 4)}, b"\0" * 4, length=1 << 62))
    put("safetensors", "header_beyond_end.safetensors", safetensors({"a": tensor(0, 4)}, b"", length=5000))
    put("safetensors", "not_json.safetensors", safetensors(b"{not json}"))
    put("safetensors", "list.safetensors", safetensors(b"[1,2]"))
    put("safetensors", "deep.safetensors", safetensors(b'{"a":' + b"[" * 5000))
    put("safetensors", "bad_utf8.safetensors", safetensors(b'{"\xc3\x28":' + json.dumps(tensor(0, 4)).encode() + b"}", b"\0" * 4))
    once = json.dumps(tensor(0, 4))
    put("safetensors", "twice.safetensors", safetensors(f'{{"a":{once},"a":{once}}}'.encode(), b"\0" * 4))
    put("safetensors", "overlap.safetensors", safetensors({"a": tensor(0, 8), "b": tensor(4, 12)}, b"\0" * 12))
    put("safetensors", "hole.safetensors", safetensors({"a": tensor(0, 4), "b": tensor(8, 12)}, b"\0" * 12))
    put("safetensors", "rest.safetensors", safetensors({"a": tensor(0, 4)}, b"\0" * 12))
    put("safetensors", "beyond.safetensors", safetensors({"a": tensor(0, 400)}, b"\0" * 4))
    put("safetensors", "backwards.safetensors", safetensors({"a": tensor(8, 4, [1])}, b"\0" * 8))
    put("safetensors", "shape.safetensors", safetensors({"a": tensor(0, 4, [3])}, b"\0" * 4))
    put("safetensors", "overflow.safetensors", safetensors({"a": tensor(0, 4, [1 << 32, 1 << 32, 1 << 32])}, b"\0" * 4))
    put("safetensors", "five_dims.safetensors", safetensors({"a": tensor(0, 4, [1, 1, 1, 1, 1])}, b"\0" * 4))
    put("safetensors", "negative.safetensors", safetensors({"a": tensor(0, 4, [-1])}, b"\0" * 4))
    put("safetensors", "fraction.safetensors", safetensors({"a": tensor(0, 4, [1.5])}, b"\0" * 4))
    put("safetensors", "dtype.safetensors", safetensors({"a": tensor(0, 4, [1], "F8")}, b"\0" * 4))
    put("safetensors", "unknown_key.safetensors", safetensors({"a": {**tensor(0, 4), "extra": 1}}, b"\0" * 4))
    put("safetensors", "wide_integer.safetensors", safetensors({"a": tensor(0, 8, [1], "I64")}, b"\xff" * 7 + b"\x7f"))
    put("safetensors", "other_program.safetensors", safetensors({"a": tensor(0, 4)}, b"\0" * 4))
    put("safetensors", "wrong_hash.safetensors", checkpoint(SPEC, {"a": tensor(0, 4)}, b"\0" * 4))
    put("safetensors", "newer_format.safetensors", checkpoint(SPEC, metadata={"keel.format": "99"}))
    put("safetensors", "no_model.safetensors", checkpoint())
    put("safetensors", "no_weights.safetensors", checkpoint(SPEC))

    put("spec", "good.json", json.dumps(SPEC))
    changes = {"unknown_model": {"name": "resnet19"}, "size_zero": {"image_size": 0}, "size_huge": {"image_size": 1 << 40},
               "size_small": {"name": "densenet121", "image_size": 8}, "classes_huge": {"classes": 1 << 60},
               "classes_none": {"classes": 0, "label_names": []}, "classes_fraction": {"classes": 1e300},
               "classes_and_names": {"classes": 5}, "channels_huge": {"channels": 1 << 61}, "channels_negative": {"channels": -3},
               "std_zero": {"std": [0.0]}, "std_negative": {"std": [-1.0]}, "std_huge": {"std": [1e300]}, "mean_many": {"mean": [0.5, 0.5]},
               "dropout": {"dropout": 7.0}, "names_twice": {"label_names": ["a", "a"]}, "names_control": {"label_names": ["a", "b\u001b[31m"]},
               "names_numbers": {"label_names": [1, 2]}, "truth_number": {"multi_label": 2}}
    for name, change in changes.items():
        put("spec", name + ".json", json.dumps({**SPEC, **change}))
        put("checkpoint", name + ".safetensors", checkpoint({**SPEC, **change}))
    for name, text in {"not_json": "{", "list": "[]", "missing_keys": "{}", "deep": "[" * 5000}.items():
        put("spec", name + ".json", text)
        put("checkpoint", name + ".safetensors", checkpoint(text))
    put("spec", "plateau.json", '{"scale": 1.0, "seen": true, "best": 0.5, "bad_epochs": 1}')
    put("spec", "plateau_huge.json", '{"scale": 1.0, "seen": true, "best": 0.5, "bad_epochs": 1e300}')
    put("spec", "plateau_nan.json", '{"scale": 1e999, "seen": 7, "best": null, "bad_epochs": -1}')


GRAPH = {"format": 1, "src": [0, 0, 3], "dst": [4, 0, 2],
         "buffers": [{"h": h, "w": h, "c": c, "codes": codes} for h, c, codes in
                     ((8, 3, False), (8, 3, True), (8, 4, True), (4, 4, True), (1, 2, False))],
         "nodes": [{"name": "images", "op": "quantise", "src": [0, 0, 3], "dst": [1, 0, 3]},
                   {"name": "conv", "op": "quant_conv", "src": [1, 0, 3], "dst": [2, 0, 4], "stride": 1, "pad": 1, "dilation": 1,
                    "groups": 1, "relu": True, "zero": 0},
                   {"name": "pool", "op": "quant_pool", "kind": "max", "kernel": 2, "stride": 2, "pad": 0, "src": [2, 0, 4], "dst": [3, 0, 4]},
                   {"name": "fc", "op": "quant_conv", "src": [3, 0, 4], "dst": [4, 0, 2], "stride": 1, "pad": 0, "dilation": 1,
                    "groups": 1, "relu": False, "zero": 0}]}


def graphs(put):
    def changed(*changes):
        graph = json.loads(json.dumps(GRAPH))
        for path, value in changes:
            at = graph
            for key in path[:-1]:
                at = at[key]
            at[path[-1]] = value
        return json.dumps(graph)

    put("graph", "good.json", changed())
    changes = {"format": (["format"], 2), "src": (["src"], [9, 0, 3]), "slice": (["nodes", 1, "dst"], [2, 1, 4]),
               "huge": (["buffers", 2, "h"], 1 << 62), "negative": (["buffers", 2, "c"], -4), "no_pixels": (["buffers", 2, "w"], 0),
               "stride": (["nodes", 1, "stride"], 0), "groups": (["nodes", 1, "groups"], 0), "groups_many": (["nodes", 1, "groups"], 1 << 20),
               "pad_huge": (["nodes", 1, "pad"], 1 << 20), "dilation": (["nodes", 1, "dilation"], 1 << 20),
               "window": (["nodes", 2, "stride"], 0), "window_outside": (["nodes", 2, "pad"], 9), "kind": (["nodes", 2, "kind"], "least"),
               "operator": (["nodes", 1, "op"], "conv"), "name": (["nodes", 1, "name"], "conv2"), "zero": (["nodes", 1, "zero"], 256),
               "codes": (["buffers", 2, "codes"], False), "in_place": (["nodes", 1, "src"], [2, 0, 3]), "nodes": (["nodes"], {}),
               "residual": (["nodes", 1, "residual"], [2, 0, 4]), "unwritten": (["nodes", 1, "src"], [3, 0, 3]),
               "no_dst": (["nodes", 2, "dst"], [6, 0, 4]), "far_dst": (["nodes", 2, "dst"], [3, (1 << 63) - 1, 4])}
    for name, change in changes.items():
        put("graph", name + ".json", changed(change))
        put("checkpoint", "graph_" + name + ".safetensors", checkpoint(SPEC, metadata={"keel.graph": changed(change)}))
    for name, text in {"not_json": "{", "list": "[]", "empty": "", "deep": "[" * 5000}.items():
        put("graph", name + ".json", text)
        put("checkpoint", "graph_" + name + ".safetensors", checkpoint(SPEC, metadata={"keel.graph": text}))
