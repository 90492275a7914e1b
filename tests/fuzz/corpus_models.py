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
               "names_numbers": {"label_names": [1, 2]}, "truth_number": {"multi_label": 2},
               "widths_list": {"widths": [1]}, "widths_fraction": {"widths": {"conv1": 1.5}}, "widths_zero": {"widths": {"conv1": 0}},
               "widths_huge": {"widths": {"conv1": 1 << 62}}, "widths_unknown": {"widths": {"conv9": 1}},
               "widths_of_nothing": {"widths": {"conv1": 8, "layer4": 16}}}
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


MOST, LEAST = (1 << 63) - 1, -(1 << 63)

# One operator of floats of images of 4 x 4 x 3: the extents of its result, the node, and fields that no file may have.
OPERATORS = {
    "rearrange": ((1, 3, 16), {"pixel_axes": [3, 0, 1], "channel_axes": [16, 1, 0], "first": [0, 0]},
                  [{"pixel_axes": [3, 0, MOST]}, {"pixel_axes": [3, 0, LEAST]}, {"pixel_axes": [3, MOST, 1]}, {"pixel_axes": [MOST, 0, 1]},
                   {"pixel_axes": [-3, 0, 1, -1, 0, 0]}, {"channel_axes": [16, 1]}, {"channel_axes": {}}, {"first": [LEAST, 0]},
                   {"first": [1, 0]}, {"first": []}, {"pixel_axes": [1, 0, 0] * 20 + [3, 0, 1]}]),
    "binary": ((4, 4, 3), {"kind": "max", "swapped": False, "operand": [0, 2, 1]},
               [{"operand": [0, 2, 2]}, {"operand": [9, 0, 1]}, {"operand": []}, {"kind": "mod"}, {"operand": [1, 0, 3]}]),
    "window_pool": ((3, 2, 3), {"kind": "average", "kh": 3, "kw": 2, "stride_h": 2, "stride_w": 3, "top": 1, "left": 1, "bottom": 1,
                                "right": 0, "dilation_h": 1, "dilation_w": 2, "count_padding": True},
                    [{"kh": 0}, {"stride_h": 0}, {"stride_w": 1 << 20}, {"dilation_h": 0}, {"top": 1 << 20}, {"kh": 1 << 20, "dilation_h": 1 << 20},
                     {"bottom": -1}, {"kind": "least"}]),
    "layer_norm": ((4, 4, 3), {"name": "normal", "eps": 0.01}, [{"eps": -1}, {"eps": 1e300}, {"eps": None}]),
    "instance_norm": ((4, 4, 3), {"name": "normal", "eps": 0.0}, [{"eps": -1}]),
    "lrn": ((4, 4, 3), {"size": 3, "alpha": 0.1, "beta": 0.75, "bias": 1.0}, [{"size": 0}, {"size": 1 << 20}, {"beta": 1e300}]),
    "softmax": ((4, 4, 3), {"log": True}, [{"log": 3}]),
    "resize": ((9, 7, 3), {"kind": "linear", "coordinates": "half_pixel", "rounding": "floor", "scale_h": 2.25, "scale_w": 1e-38},
               [{"scale_h": 0}, {"scale_h": -1}, {"coordinates": "crop"}, {"rounding": ""}]),
    "pad": ((6, 7, 4), {"name": "border", "mode": "reflect", "top": 1, "left": 2, "front": 1},
            [{"top": 3}, {"left": 1 << 20}, {"front": -1}, {"mode": "wrap"}]),
    "matmul": ((4, 4, 3), {"src": [0, 0, 1], "operand": [0, 0, 3], "batches": 16, "m": 1, "k": 1, "n": 3},
               [{"m": 0}, {"k": 1 << 20}, {"batches": 1 << 20, "m": 1 << 20, "k": 1 << 20}, {"operand": [0, 0, 4]}]),
    "reduce": ((4, 4, 1), {"kind": "mean"}, [{"kind": "median"}]),
    "fake_quantize": ((4, 4, 3), {"name": "rounded", "zero": [3], "range": [0, 255]},
                      [{"zero": []}, {"zero": [256]}, {"range": [LEAST, MOST]}, {"range": [0]}, {"range": [7, 7]}]),
    "prelu": ((4, 4, 3), {"name": "slopes"}, [{"name": "flat"}]),
}


def operators(put):
    """A graph of each operator, and of each what none may say."""
    for op, (extents, fields, lies) in OPERATORS.items():
        for i, lie in enumerate([{}] + lies):
            node = {"name": "node", "op": op, "src": [0, 0, 3], "dst": [1, 0, extents[2]], **fields, **lie}
            buffers = [{"h": h, "w": w, "c": c, "codes": False} for h, w, c in ((4, 4, 3), extents)]
            graph = {"format": 1, "src": [0, 0, 3], "dst": [1, 0, extents[2]], "buffers": buffers, "nodes": [node]}
            put("graph", f"{op}_{i}.json", json.dumps(graph))
    constant = {"name": "number", "op": "binary", "src": [0, 0, 3], "dst": [1, 0, 3], "kind": "pow", "swapped": True}
    put("graph", "binary_constant.json", json.dumps(
        {"format": 1, "src": [0, 0, 3], "dst": [1, 0, 3], "nodes": [constant],
         "buffers": [{"h": 4, "w": 4, "c": 3, "codes": False}] * 2}))


def graphs(put):
    operators(put)

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
