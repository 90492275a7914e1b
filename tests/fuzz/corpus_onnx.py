"""ONNX files, valid and hostile, field by field; put(TARGET, NAME, DATA) takes them. See make_corpus.py."""
import pathlib
import struct

FILES = pathlib.Path(__file__).resolve().parent.parent / "graph/files/onnx"
F32, STRING = 1, 8


def varint(value):
    value &= (1 << 64) - 1
    out = b""
    while value > 127:
        out += bytes([128 | value & 127])
        value >>= 7
    return out + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value)


def part(field, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def dims(*values):
    return b"".join(number(1, value) for value in values)


def tensor(name, shape, data=None, kind=F32, more=b""):
    count = 1
    for dim in shape:
        count *= dim
    return dims(*shape) + number(2, kind) + part(8, name) + (part(9, bytes(4 * count)) if data is None else data) + more


def ints(name, *values):
    return part(5, part(1, name) + b"".join(number(8, value) for value in values) + number(20, 7))


def node(op, inputs, outputs, more=b""):
    names = b"".join(part(1, name) for name in inputs) + b"".join(part(2, name) for name in outputs)
    return part(1, names + part(3, f"a_{op}") + part(4, op) + more)


def port(name, shape=(None, 3, 4, 4), kind=F32):
    extents = b"".join(part(1, part(2, "batch") if dim is None else number(1, dim)) for dim in shape)
    return part(1, name) + part(2, part(1, number(1, kind) + part(2, extents)))


def opset(version=17, domain=""):
    return part(8, (part(1, domain) if domain else b"") + number(2, version))


def model(graph, opsets=None, more=b"", inputs=None, outputs=None):
    ports = part(11, inputs or port("x")) + part(12, outputs or port("y", (None, 2, 4, 4)))
    return number(1, 8) + part(2, "corpus") + part(7, graph + ports) + (opset() if opsets is None else opsets) + more


def conv(weights=None, inputs=("x", "w"), more=b""):
    constant = tensor("w", (2, 3, 1, 1)) if weights is None else weights
    return node("Conv", inputs, ["y"], ints("kernel_shape", 1, 1) + more) + part(5, constant)


def external(location, *entries):
    def entry(key, value):
        return part(13, part(1, key) + part(2, value))

    fields = b"".join(entry(key, value) for key, value in entries)
    return conv(dims(2, 3, 1, 1) + number(2, F32) + part(8, "w") + entry("location", location) + fields + number(14, 1))


def nested(depth):
    graph = b""
    for _ in range(depth):
        graph = part(1, part(2, "y") + part(4, "If") + part(5, part(1, "then_branch") + part(6, graph) + number(20, 5)))
    return graph


def onnx_files(put):
    good = model(conv())

    def onnx(name, data):
        put("onnx", name + ".onnx", data)

    onnx("good", good)
    for path in sorted(FILES.glob("*.onnx")):
        onnx(path.stem, path.read_bytes())
    onnx("typed", model(conv(tensor("w", (2, 3, 1, 1), part(4, struct.pack("<6f", *range(6)))))))
    onnx("half", model(conv(tensor("w", (2, 3, 1, 1), part(5, b"".join(varint(0x3C00 + i) for i in range(6))), 10))))
    onnx("input_constant", model(conv() + part(11, port("w", (2, 3, 1, 1)))))

    # What is no model, or none that is whole.
    onnx("empty", b"")
    onnx("text", "import onnx\n")
    onnx("tensor", tensor("w", (2, 3)))
    for name, size in ("start", 12), ("half_way", len(good) // 2), ("end", len(good) - 1):
        onnx("cut_" + name, good[:size])
    onnx("length_2gb", number(1, 8) + part(2, "corpus") + varint(7 << 3 | 2) + varint((1 << 31) - 1))
    huge_name = part(7, part(1, varint(1 << 3 | 2) + varint((1 << 31) - 1)))
    onnx("name_2gb", number(1, 8) + part(2, "corpus") + huge_name + opset())
    onnx("wire_type", number(1, 8) + part(2, "corpus") + part(7, number(1, 1)) + opset())
    onnx("group", number(1, 8) + part(2, "corpus") + varint(9 << 3 | 3))
    onnx("no_graph", number(1, 8) + part(2, "corpus") + opset())
    onnx("two_graphs", good + part(7, conv()))
    onnx("opset_none", model(conv(), b""))
    onnx("opset_0", model(conv(), opset(0)))
    onnx("opset_1000", model(conv(), opset(1000)))
    onnx("opset_6", model(conv(), opset(6)))
    onnx("opset_two", model(conv(), opset(13) + opset(17)))
    onnx("version_1", number(1, 1) + part(2, "corpus") + part(7, conv() + part(11, port("x")) + part(12, port("y"))))

    # Graphs.
    onnx("cycle", model(node("Add", ["x", "b"], ["a"]) + node("Relu", ["a"], ["b"]) + node("Relu", ["b"], ["y"])))
    onnx("self", model(node("Add", ["x", "y"], ["y"])))
    onnx("unsorted", model(node("Relu", ["a"], ["y"]) + node("Relu", ["x"], ["a"])))
    onnx("value_missing", model(node("Relu", ["z"], ["y"])))
    onnx("value_twice", model(node("Relu", ["x"], ["y"]) + node("Relu", ["x"], ["y"])))
    onnx("output_missing", model(node("Relu", ["x"], ["a"])))
    onnx("no_output", number(1, 8) + part(2, "c") + part(7, node("Relu", ["x"], ["y"]) + part(11, port("x"))) + opset())
    onnx("no_nodes", model(b"", outputs=port("x")))
    for name, axis in ("", 1), ("_last", -1):
        softmax = node("Softmax", ["x"], ["y"], part(5, part(1, "axis") + number(3, axis) + number(20, 2)))
        onnx("softmax_of_maps" + name, model(softmax, outputs=port("y")))
    onnx("operator_unknown", model(node("Frobnicate", ["x"], ["y"])))
    onnx("operator_empty", model(node("", ["x"], ["y"])))
    onnx("domain_unknown", model(node("Fused", ["x"], ["y"], part(7, "com.example"))))
    onnx("domain_imported", model(node("Fused", ["x"], ["y"], part(7, "com.example")), opset() + opset(1, "com.example")))
    onnx("function", model(node("Twice", ["x"], ["y"], part(7, "own")), opset() + opset(1, "own"),
                           part(25, part(1, "Twice") + part(10, "own"))))
    onnx("control_characters", model(node("\x1b[31m", ["x"], ["y"])))
    onnx("deep", model(node("If", ["x"], ["y"], part(5, part(1, "then_branch") + part(6, nested(2000)) + number(20, 5)))))
    onnx("sparse", model(node("Relu", ["x"], ["y"]) + part(15, part(1, tensor("w", (1,))))))
    onnx("attribute_type", model(node("Relu", ["x"], ["y"], part(5, part(1, "a") + number(20, 11)))))
    onnx("attribute_none", model(node("Relu", ["x"], ["y"], part(5, part(1, "a")))))
    onnx("input_sequence", model(node("Relu", ["x"], ["y"]), inputs=part(1, "x") + part(2, part(4, b""))))
    onnx("input_negative", model(node("Relu", ["x"], ["y"]), inputs=port("x", (None, -3, 4, 4))))

    # Constants.
    huge = 1 << 32
    onnx("dims_overflow", model(conv(tensor("w", (huge, huge), b""))))
    onnx("dims_huge", model(conv(tensor("w", (1 << 40,), b""))))
    onnx("dims_negative", model(conv(dims(2, -3) + number(2, F32) + part(8, "w"))))
    onnx("dims_lie", model(conv(tensor("w", (2, 300, 1, 1), part(9, bytes(24))))))
    onnx("dims_lie_typed", model(conv(tensor("w", (2, 300, 1, 1), part(4, bytes(24))))))
    onnx("dims_many", model(conv(tensor("w", (1,) * 100))))
    onnx("bytes_many", model(conv(tensor("w", ((1 << 28) + 1,), b"", 2))))
    onnx("type_unknown", model(conv(tensor("w", (2, 3, 1, 1), kind=99))))
    onnx("type_none", model(conv(tensor("w", (2, 3, 1, 1), kind=0))))
    onnx("strings", model(conv(tensor("w", (1,), part(6, "text"), STRING))))
    onnx("value_no_byte", model(conv(tensor("w", (1,), number(5, 256), 2))))
    for name, value in ("nan", float("nan")), ("infinite", float("inf")):
        numbers = part(9, struct.pack("<6f", 1, 2, 3, value, 5, 6))
        onnx("constant_" + name, model(conv(tensor("w", (2, 3, 1, 1), numbers))))
        constant = part(5, part(1, "value") + part(5, tensor("", (2, 3, 1, 1), numbers)) + number(20, 4))
        onnx("node_" + name, model(node("Constant", [], ["w"], constant) + node("Conv", ["x", "w"], ["y"])))
    zeros = part(5, tensor("zero", (2, 3, 1, 1)))
    onnx("folded_nan", model(node("Div", ["zero", "zero"], ["w"]) + node("Conv", ["x", "w"], ["y"]) + zeros))
    onnx("constant_twice", model(conv() + part(5, tensor("w", (1,)))))
    onnx("external_absolute", model(external("/etc/passwd")))
    onnx("external_outside", model(external("../onnx/good.onnx")))
    onnx("external_missing", model(external("none.bin")))
    onnx("external_beyond", model(external("good.onnx", ("offset", "1000000"))))
    onnx("external_length", model(external("good.onnx", ("length", "7"))))
    onnx("external_offset", model(external("good.onnx", ("offset", "-1"))))
    onnx("external_link", model(external("link.bin")))
    onnx("external_folder", model(external(".")))
