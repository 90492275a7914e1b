"""Arrays of NumPy and the zip archives that hold them."""
import struct
import zlib


def npy(dtype, shape, data, header=None):
    text = header or "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }" % (dtype, "".join("%d, " % d for d in shape))
    text += " " * (64 - (len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + data


def archive(members, method=8, tamper=None):
    """A zip archive; `tamper(name, fields)` may change what the central directory says."""
    body, directory = b"", b""
    for name, data in members:
        deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = deflater.compress(data) + deflater.flush() if method == 8 else data
        fields = {"crc": zlib.crc32(data), "packed": len(packed), "size": len(data), "header": len(body), "flags": 0, "method": method}
        body += struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, method, 0, 0, fields["crc"], len(packed), len(data), len(name), 0)
        body += name.encode() + packed
        if tamper:
            tamper(name, fields)
        directory += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, fields["flags"], fields["method"], 0, 0, fields["crc"],
                                 fields["packed"], fields["size"], len(name), 0, 0, 0, 0, 0, fields["header"]) + name.encode()
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, len(members), len(members), len(directory), len(body), 0)
    return body + directory + end


def archive64(members, field=24, end=True):
    """A zip64 archive, all sizes and offsets in fields of 64 bits, of which the directory's hold `field` bytes."""
    body, directory = b"", b""
    for name, data in members:
        head = struct.pack("<HHHHIII", 0, 0, 0, 0, zlib.crc32(data), 0xFFFFFFFF, 0xFFFFFFFF)
        sizes = struct.pack("<QQQ", len(data), len(data), len(body))[:field]
        directory += struct.pack("<IHH", 0x02014B50, 45, 45) + head + struct.pack("<HHHHHII", len(name), field + 4, 0, 0, 0, 0, 0xFFFFFFFF)
        directory += name.encode() + struct.pack("<HH", 1, field) + sizes
        body += struct.pack("<IH", 0x04034B50, 45) + head + struct.pack("<HH", len(name), 0) + name.encode() + data
    record = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, len(members), len(members), len(directory), len(body))
    locator = struct.pack("<IIQI", 0x07064B50, 0, len(body) + len(directory), 1)
    last = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return body + directory + (record + locator if end else b"") + last


def medmnist(replace=None, drop=None):
    members = []
    for split, count in (("train", 3), ("val", 1), ("test", 2)):
        members.append([split + "_images.npy", npy("|u1", (count, 8, 8), bytes(i % 251 for i in range(count * 64)))])
        members.append([split + "_labels.npy", npy("|u1", (count, 1), bytes(i % 2 for i in range(count)))])
    for member in members:
        if replace and member[0] in replace:
            member[1] = replace[member[0]]
    return [(name, data) for name, data in members if name != drop]


def tampered(key, value):

    def tamper(name, fields):
        if name == "val_images.npy":
            fields[key] = value

    return archive(medmnist(), tamper=tamper)


def npz_files(put):
    """Sets as MedMNIST publishes them, and what is wrong with others."""
    good = archive(medmnist())
    images, labels = "train_images.npy", "train_labels.npy"
    put("npz", "good.npz", good)
    put("npz", "stored.npz", archive(medmnist(), method=0))
    put("npz", "text.npz", "no zip archive")
    put("npz", "empty.npz", b"")
    put("npz", "truncated.npz", good[:-30])
    put("npz", "no_members.npz", archive([]))
    put("npz", "missing_array.npz", archive(medmnist(drop="val_labels.npy")))
    put("npz", "twice.npz", archive(medmnist() + [(images, npy("|u1", (1, 1, 1), b"0"))]))
    put("npz", "bad_crc.npz", tampered("crc", 1))
    put("npz", "outside.npz", tampered("header", 0x7FFFFFFF))
    put("npz", "bomb.npz", tampered("size", 0xF0000000))
    put("npz", "wrong_size.npz", tampered("size", 100))
    put("npz", "encrypted.npz", tampered("flags", 1))
    put("npz", "method.npz", tampered("method", 12))
    put("npz", "zip64.npz", tampered("size", 0xFFFFFFFF))
    put("npz", "zip64_good.npz", archive64(medmnist()))
    put("npz", "zip64_short.npz", archive64(medmnist(), field=16))
    put("npz", "zip64_no_end.npz", archive64(medmnist(), end=False))
    deep = {f"{split}_images.npy": npy("<u2", (count, 4, 8, 1), bytes(count * 64)) for split, count in (("train", 3), ("val", 1), ("test", 2))}
    put("npz", "deep.npz", archive(medmnist(deep)))
    put("npz", "flat_labels.npz", archive(medmnist({labels: npy("|u1", (3,), b"\0\1\0")})))
    put("npz", "stray_label.npz", archive(medmnist({labels: npy("|u1", (3, 1), b"\0\1\xff")})))
    put("npz", "volumes.npz", archive(medmnist({images: npy("|u1", (3, 8, 8, 8), b"\0" * 1536)})))
    put("npz", "floats.npz", archive(medmnist({images: npy("<f4", (3, 8, 8), b"\0" * 768)})))
    put("npz", "big_endian.npz", archive(medmnist({labels: npy(">i4", (3, 1), b"\0" * 12)})))
    put("npz", "objects.npz", archive(medmnist({labels: npy("|O", (3, 1), b"cos\nsystem\n(S'x'\ntR.")})))
    put("npz", "shape_too_large.npz", archive(medmnist({images: npy("|u1", (3, 1 << 62, 1 << 62), b"\0" * 10)})))
    put("npz", "shape_too_small.npz", archive(medmnist({images: npy("|u1", (1, 2, 2), b"\0" * 64)})))
    put("npz", "negative_shape.npz", archive(medmnist({images: npy("|u1", (-1, 8, 8), b"\0" * 64)})))
    put("npz", "no_images.npz", archive(medmnist({images: npy("|u1", (0, 8, 8), b""), labels: npy("|u1", (0, 1), b"")})))
    put("npz", "flat.npz", archive(medmnist({images: npy("|u1", (192,), b"\0" * 192)})))
    put("npz", "few_labels.npz", archive(medmnist({labels: npy("|u1", (2, 1), b"\0\0")})))
    put("npz", "negative_label.npz", archive(medmnist({labels: npy("|i1", (3, 1), b"\xff\0\0")})))
    put("npz", "large_label.npz", archive(medmnist({labels: npy("<u8", (3, 1), b"\xff" * 24)})))
    put("npz", "other_size.npz", archive(medmnist({"test_images.npy": npy("|u1", (2, 4, 4), b"\0" * 32)})))
    put("npz", "header.npz", archive(medmnist({images: npy("", (), b"", header="__import__('os')")})))
    put("npz", "version.npz", archive(medmnist({images: b"\x93NUMPY\x09\x00" + b"\0" * 60})))
