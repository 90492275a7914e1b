"""Images of the corpus, valid and hostile; put(TARGET, NAME, DATA) takes them. See make_corpus.py."""
import struct
import zlib

# PNG -----------------------------------------------------------------------------------------------------------------

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind, data, crc=None):
    checksum = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def png(width=5, height=4, bits=8, color=0, rows=None, interlaced=0, extra=b""):
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(color, 1)
    if rows is None:
        row = (width * samples * bits + 7) // 8
        rows = b"".join(bytes([y % 5]) + bytes((x * 7 + y) % 256 for x in range(row)) for y in range(height))
    return (SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, interlaced)) + extra +
            chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def images_png(put):
    good = png()
    palette = chunk(b"PLTE", bytes(range(48)))
    put("image", "png_grey.png", good)
    put("image", "png_rgb.png", png(color=2))
    put("image", "png_rgba16.png", png(bits=16, color=6))
    put("image", "png_palette.png", png(bits=4, color=3, extra=palette))
    put("image", "png_one_bit.png", png(bits=1, width=9))
    put("image", "png_interlaced.png", png(width=8, height=8, rows=b"\0" * 100, interlaced=1))
    put("image", "png_truncated.png", good[:-20])
    put("image", "png_signature_alone.png", SIGNATURE)
    put("image", "png_bad_crc.png", good[:40] + bytes([good[40] ^ 1]) + good[41:])
    put("image", "png_chunk_too_long.png", SIGNATURE + struct.pack(">I", 0xFFFFFFFF) + b"IHDR" + b"\0" * 32)
    put("image", "png_no_header.png", SIGNATURE + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    put("image", "png_no_pixels.png",
        SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 5, 4, 8, 0, 0, 0, 0)) + chunk(b"IEND", b""))
    put("image", "png_bad_color.png", png(color=5))
    put("image", "png_bad_bits.png", png(bits=7))
    put("image", "png_bad_interlacing.png", png(interlaced=2))
    put("image", "png_no_palette.png", png(color=3))
    put("image", "png_bad_filter.png", png(rows=(b"\x09" + b"\0" * 5) * 4))
    put("image", "png_few_pixels.png", png(rows=b"\0" * 7))
    put("image", "png_not_zlib.png",
        SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 5, 4, 8, 0, 0, 0, 0)) + chunk(b"IDAT", b"\xff" * 30) + chunk(b"IEND", b""))
    put("image", "png_of_no_size.png", png(width=0, height=0, rows=b""))
    put("image", "png_huge.png", png(width=60000, height=60000, rows=b"\0"))
    put("image", "png_largest.png", png(width=0xFFFFFFFF, height=0xFFFFFFFF, rows=b"\0"))
    put("image", "png_bomb.png", png(width=16000, height=6000, bits=16, color=6, rows=b"\0"))
    put("image", "png_unknown_critical.png", png(extra=chunk(b"QQQQ", b"?")))


# JPEG ----------------------------------------------------------------------------------------------------------------


def segment(marker, data):
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def huffman(kind, symbols):
    """A table whose symbol k has a code of k + 1 bits: 0, 10, 110, ..."""
    counts = [1 if i < len(symbols) else 0 for i in range(16)]
    return segment(0xC4, bytes([kind]) + bytes(counts) + bytes(symbols))


def jpeg(width=16, height=16, components=1, progressive=False, data=None, scans=1, frame=None):
    """All blocks grey: a DC difference of 0 is the bit 0, an end of block another."""
    blocks = ((width + 7) // 8) * ((height + 7) // 8) * components
    ids = range(1, components + 1)
    body = segment(0xDB, b"\0" + b"\x10" * 64)
    body += segment(frame or (0xC2 if progressive else 0xC0),
                    struct.pack(">BHHB", 8, height, width, components) + b"".join(bytes([i, 0x11, 0]) for i in ids))
    body += huffman(0x00, [0, 1, 2, 3]) + huffman(0x10, [0, 1])
    selectors = b"".join(bytes([i, 0]) for i in ids)
    if progressive:
        body += segment(0xDA, bytes([components]) + selectors + bytes([0, 0, 0])) + b"\0" * (blocks // 8 + 1)
        for _ in range(scans):
            body += segment(0xDA, b"\x01\x01\0" + bytes([1, 63, 0])) + b"\0" * (blocks // components // 8 + 1)
    else:
        entropy = b"\0" * (blocks * 2 // 8 + 1) if data is None else data
        body += segment(0xDA, bytes([components]) + selectors + bytes([0, 63, 0])) + entropy
    return b"\xFF\xD8" + body + b"\xFF\xD9"


def images_jpeg(put):
    good = jpeg(64, 64)
    put("image", "jpeg_grey.jpg", good)
    put("image", "jpeg_rgb.jpg", jpeg(24, 8, 3))
    put("image", "jpeg_cmyk.jpg", jpeg(8, 8, 4))
    put("image", "jpeg_progressive.jpg", jpeg(16, 16, 3, progressive=True))
    put("image", "jpeg_truncated.jpg", jpeg(64, 64, data=b"\0")[:-2])
    put("image", "jpeg_few_data.jpg", jpeg(64, 64, data=b"\0"))
    put("image", "jpeg_header_truncated.jpg", good[:100])
    put("image", "jpeg_start_alone.jpg", b"\xFF\xD8\xFF")
    put("image", "jpeg_bad_code.jpg", jpeg(64, 64, data=b"\xFF\x00" * 16))
    put("image", "jpeg_of_two_components.jpg", jpeg(8, 8, 2))
    put("image", "jpeg_of_no_size.jpg", jpeg(0, 0))
    put("image", "jpeg_huge.jpg", jpeg(65500, 65500, data=b"\0"))
    put("image", "jpeg_many_scans.jpg", jpeg(8, 8, progressive=True, scans=600))
    put("image", "jpeg_lossless.jpg", jpeg(frame=0xC3))
    put("image", "jpeg_no_tables.jpg", b"\xFF\xD8" + segment(0xC0, struct.pack(">BHHB", 8, 8, 8, 1) + b"\x01\x11\0") +
        segment(0xDA, b"\x01\x01\0\0\x3f\0") + b"\0\0\xFF\xD9")
    put("image", "jpeg_short_segment.jpg", b"\xFF\xD8\xFF\xDB\0\0" + b"\0" * 20)


def bmp(width=4, height=3, bits=24, pixels=None, length=None, offset=54):
    pixels = b"\x55" * (((width * bits // 8 + 3) // 4 * 4) * abs(height)) if pixels is None else pixels
    size = 54 + len(pixels) if length is None else length
    return (b"BM" + struct.pack("<IHHI", size, 0, 0, offset) +
            struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, 0, len(pixels), 0, 0, 0, 0) + pixels)


def images_other(put):
    good = bmp()
    put("image", "bmp_rgb.bmp", good)
    put("image", "bmp_upside_down.bmp", bmp(height=-3))
    put("image", "bmp_truncated.bmp", good[:-10])
    put("image", "bmp_huge.bmp", bmp(width=50000, height=50000, pixels=b"", length=54))
    put("image", "bmp_of_no_size.bmp", bmp(width=0, height=0))
    put("image", "bmp_bad_bits.bmp", bmp(bits=3))
    put("image", "bmp_bad_offset.bmp", bmp(offset=0x7FFFFFFF))
    put("image", "empty.png", b"")
    put("image", "text.png", "This is no image.\n")
    put("image", "gif.png", b"GIF89a\x01\0\x01\0\0\0\0;")


def images(put):
    images_png(put)
    images_jpeg(put)
    images_other(put)
