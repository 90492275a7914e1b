"""DICOM files of the corpus, valid and hostile; put(TARGET, NAME, DATA) takes them. See make_corpus.py."""
import struct
import zlib

SIDE = 8
LONG = ("OB", "OW", "OF", "SQ", "UN", "UT")
RAW, IMPLICIT, BIG, DEFLATED = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
OPEN = 0xFFFFFFFF

# 8x8 pixels of 12 bits (of 8 in the last), as DCMTK and GDCM compress them: lossless JPEG, JPEG of 12 bits, JPEG-LS, JPEG 2000,
# baseline JPEG.
STREAMS = {
    "1.2.840.10008.1.2.4.70":
        "ffd8ffe000104a46494600010100000100010000ffc3000b100008000801011100ffc400160001010100000000000000000000000000060910ffda00080101"
        "00010000cf5ebd7af5ebdbd0f5ebd7af5ebdbd0f5ebd7af5ebdbd0f5ebd7af5ebdbd0f5ebd7af5ebdbd0f5ebd7af5ebdbd0f5ebd7af5ebdbd0f5ebd7af5ebd"
        "ffd9",
    "1.2.840.10008.1.2.4.51":
        "ffd8ffe000104a46494600010100000100010000ffdb0043000302020302020303030304030304050805050404050a070706080c0a0c0c0b0a0b0b0d0e1210"
        "0d0e110e0b0b1016101113141515150c0f171816141812141514ffc1000b0c0008000801011100ffc40014000100000000000000000000000000000009ffc4"
        "001c1000000603000000000000000000000000000a0d293646536371ffda0008010100003f002b8ba69d43186c9c747e6a1fffd9",
    "1.2.840.10008.1.2.4.80":
        "ffd8fff7000b100008000801011100fff8000d01ffff0012004301140040ffda0008010100000000a3cc798f31de758f31dfe847a8f13b4e972b847afa16eb"
        "65aad166b2478f9d62e0dedcdad89dbe66b6a696867664e9f2b2b231b130b02e5f22faf2eae2dad2e1f1acacac2c2bab2dc0ffd900",
    "1.2.840.10008.1.2.4.90":
        "ff4fff5100290000000000080000000800000000000000000000000800000008000000000000000000010f0101ff52000c00000001000204040001ff5c000a"
        "4080888890888890ff64002a000143726561746564206279204744434d2f4f70656e4a5045472076657273696f6e20322e352e30ff90000a00000000003f00"
        "01ff93dff890500781575a42319c02c54fc00fc01203f904000d03003f0b3e0224c003ea05803f3060221880787f037e6928bb77ffd9",
    "1.2.840.10008.1.2.4.50":
        "ffd8ffe000104a46494600010100000100010000ffdb0043000302020302020303030304030304050805050404050a070706080c0a0c0c0b0a0b0b0d0e1210"
        "0d0e110e0b0b1016101113141515150c0f171816141812141514ffc0000b080008000801011100ffc40014000100000000000000000000000000000005ffc4"
        "001e10000104030003000000000000000000000301020405061112071315ffda0008010100003f003af051eaa1e5d4f4b27e15554fa3c918f05640471de068"
        "4ab2828c10d78137ab01045cb151441dbb8db9dfffffd9",
}


def element(tag, vr, value, explicit=True, big=False, length=None):
    order = ">" if big else "<"
    if len(value) % 2:
        value += b"\0" if vr in ("UI", "OB") else b" "
    size = len(value) if length is None else length
    head = struct.pack(order + "HH", tag >> 16, tag & 0xFFFF)
    if not explicit:
        return head + struct.pack(order + "I", size) + value
    if vr in LONG:
        return head + vr.encode() + struct.pack(order + "HI", 0, size) + value
    return head + vr.encode() + struct.pack(order + "H", size) + value


def item(value, number=0xE000, length=None, big=False):
    return struct.pack((">" if big else "<") + "HHI", 0xFFFE, number, len(value) if length is None else length) + value


END, ITEM_END = item(b"", 0xE0DD), item(b"", 0xE00D)


def sequence(tag, items, open_length=False):
    if open_length:
        return element(tag, "SQ", b"".join(item(i, length=OPEN) + ITEM_END for i in items) + END, length=OPEN)
    return element(tag, "SQ", b"".join(item(i) for i in items))


def fragments(*streams):
    padded = [s + b"\0" * (len(s) % 2) for s in streams]
    return element(0x7FE00010, "OB", item(b"") + b"".join(item(s) for s in padded) + END, length=OPEN)


def data_set(pixels=None, explicit=True, big=False, bits=12, before=b"", after=b"", **change):
    """The elements of an 8x8 image, those of `change` by name otherwise; `before` and `after` are elements beside the others."""
    order = ">" if big else "<"
    words = dict(samples=1, rows=SIDE, columns=SIDE, allocated=16 if bits > 8 else 8, stored=bits, high=bits - 1, signed=0)
    words.update({k: v for k, v in change.items() if k in words})
    us = lambda tag, name: element(tag, "US", struct.pack(order + "H", words[name]), explicit, big)
    text = lambda tag, vr, value: element(tag, vr, value.encode(), explicit, big)
    if pixels is None:
        values = [(i * 61) % (1 << bits) for i in range(SIDE * SIDE)]
        pixels = element(0x7FE00010, "OW", struct.pack(order + ("H" if bits > 8 else "B") * len(values), *values), explicit, big)
    return (text(0x00080016, "UI", change.get("sop", "1.2.840.10008.5.1.4.1.1.1.1")) + before + us(0x00280002, "samples") +
            text(0x00280004, "CS", change.get("photometric", "MONOCHROME2")) + text(0x00280008, "IS", change.get("frames", "1")) +
            us(0x00280010, "rows") + us(0x00280011, "columns") + us(0x00280100, "allocated") + us(0x00280101, "stored") +
            us(0x00280102, "high") + us(0x00280103, "signed") + after + pixels)


def dicom(body, syntax=RAW, media="1.2.840.10008.5.1.4.1.1.1.1"):
    meta = element(0x00020002, "UI", media.encode()) + element(0x00020010, "UI", syntax.encode())
    return bytes(128) + b"DICM" + meta + body


def raw_deflate(data):
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    return deflater.compress(data) + deflater.flush()


def number(tag, value):
    return element(tag, "DS", value.encode())


def lut(tag, entries, data, open_length=False):
    inner = element(0x00283002, "US", struct.pack("<3H", entries, 0, 12)) + element(0x00283006, "OW", data)
    return sequence(tag, [inner], open_length)


def valid(put):
    put("dicom", "raw.dcm", dicom(data_set()))
    put("dicom", "raw8.dcm", dicom(data_set(bits=8)))
    put("dicom", "implicit.dcm", dicom(data_set(explicit=False), IMPLICIT))
    put("dicom", "big.dcm", dicom(data_set(big=True), BIG))
    put("dicom", "deflated.dcm", dicom(raw_deflate(data_set()), DEFLATED))
    put("dicom", "no_header", element(0x00080005, "CS", b"ISO_IR 100") + data_set())
    put("dicom", "signed_window.dcm", dicom(data_set(signed=1, photometric="MONOCHROME1", after=number(0x00281050, "40\\50") +
        number(0x00281051, "400\\50") + number(0x00281052, "-1024") + number(0x00281053, "1.5") + element(0x00281056, "CS", b"SIGMOID"))))
    put("dicom", "luts.dcm", dicom(data_set(after=lut(0x00283000, 2, bytes(4)) + lut(0x00283010, 4, bytes(range(8)), True))))
    put("dicom", "padding.dcm", dicom(data_set(after=element(0x00280120, "US", b"\0\0") + element(0x00280121, "US", b"\7\0"))))
    put("dicom", "groups.dcm", dicom(data_set(after=sequence(0x52009229, [sequence(0x00289132, [number(0x00281050, "9")], True)]))))
    rle = struct.pack("<16I", 2, 64, 66, *[0] * 13) + bytes([0xC1, 3]) + bytes([0xC1, 7])
    put("dicom", "rle.dcm", dicom(data_set(fragments(rle)), "1.2.840.10008.1.2.5"))
    for syntax, stream in STREAMS.items():
        name = "stream_" + syntax.rsplit(".", 1)[1]
        data = bytes.fromhex(stream)
        put("dicom", name + ".dcm", dicom(data_set(fragments(data[:60], data[60:]), bits=8 if syntax.endswith("50") else 12), syntax))
    records = [element(0x00041430, "CS", b"PATIENT"), element(0x00041430, "CS", b"IMAGE") + element(0x00041500, "CS", b"A\\B")]
    put("dicom", "DICOMDIR", dicom(sequence(0x00041220, records, True), media="1.2.840.10008.1.3.10"))


def hostile(put):
    good = dicom(data_set())
    put("dicom", "truncated.dcm", good[:-20])
    put("dicom", "mark_alone.dcm", good[:132])
    put("dicom", "length_huge.dcm", dicom(data_set(element(0x7FE00010, "OW", bytes(128), length=0xFFFFFFF0))))
    put("dicom", "few_pixels.dcm", dicom(data_set(rows=16000, columns=6000)))
    put("dicom", "no_size.dcm", dicom(data_set(rows=0)))
    put("dicom", "huge.dcm", dicom(data_set(rows=60000, columns=60000)))
    put("dicom", "bits.dcm", dicom(data_set(stored=17, high=16)))
    put("dicom", "bits_32.dcm", dicom(data_set(allocated=32, stored=32, high=31)))
    put("dicom", "frames.dcm", dicom(data_set(frames="30")))
    put("dicom", "frames_text.dcm", dicom(data_set(frames="1A")))
    put("dicom", "color.dcm", dicom(data_set(samples=3, photometric="RGB")))
    put("dicom", "report.dcm", dicom(data_set(pixels=b"", sop="1.2.840.10008.5.1.4.1.1.88.11")))
    put("dicom", "no_pixels.dcm", dicom(data_set(pixels=b"")))
    put("dicom", "syntax.dcm", dicom(data_set(), "1.2.840.10008.1.2.4.102"))
    put("dicom", "width_zero.dcm", dicom(data_set(after=number(0x00281050, "1") + number(0x00281051, "0"))))
    put("dicom", "lut_short.dcm", dicom(data_set(after=lut(0x00283010, 60000, bytes(8)))))
    deep = sequence(0x00081140, [], True)[:12] + (item(b"", length=OPEN) + sequence(0x00081140, [], True)[:12]) * 5000
    put("dicom", "deep.dcm", dicom(data_set(before=deep)))
    put("dicom", "no_items.dcm", dicom(data_set(before=element(0x00081140, "SQ", bytes(16), length=OPEN))))
    put("dicom", "bomb.dcm", dicom(raw_deflate(bytes(1 << 20)), DEFLATED))
    put("dicom", "not_deflated.dcm", dicom(b"\xff" * 40, DEFLATED))
    put("dicom", "not_encapsulated.dcm", dicom(data_set(), "1.2.840.10008.1.2.5"))
    put("dicom", "rle_short.dcm", dicom(data_set(fragments(struct.pack("<16I", 2, 64, 64, *[0] * 13))), "1.2.840.10008.1.2.5"))
    put("dicom", "rle_segments.dcm", dicom(data_set(fragments(struct.pack("<16I", 9, *[64] * 15))), "1.2.840.10008.1.2.5"))
    put("dicom", "rle_outside.dcm", dicom(data_set(fragments(struct.pack("<16I", 2, 64, 1 << 30, *[0] * 13))), "1.2.840.10008.1.2.5"))
    for syntax, stream in STREAMS.items():
        name = "stream_" + syntax.rsplit(".", 1)[1]
        data, bits = bytes.fromhex(stream), 8 if syntax.endswith("50") else 12
        put("dicom", name + "_cut.dcm", dicom(data_set(fragments(data[:-12]), bits=bits), syntax))
        put("dicom", name + "_other_size.dcm", dicom(data_set(fragments(data), bits=bits, rows=9), syntax))
    outside = element(0x00041430, "CS", b"IMAGE") + element(0x00041500, "CS", b"..\\..\\A")
    put("dicom", "DICOMDIR_outside", dicom(sequence(0x00041220, [outside]), media="1.2.840.10008.1.3.10"))


def dicom_files(put):
    valid(put)
    hostile(put)
