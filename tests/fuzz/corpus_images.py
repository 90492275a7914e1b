"""Images of the corpus, valid and hostile; put(TARGET, NAME, DATA) takes them. See make_corpus.py."""
import base64
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
    exif = b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x112, 3, 1, 6, 0, 0)
    put("image", "jpeg_turned.jpg", jpeg(16, 8)[:2] + segment(0xE1, exif) + jpeg(16, 8)[2:])
    put("image", "png_turned.png", png(extra=chunk(b"eXIf", exif[6:])))
    put("image", "png_turned_endlessly.png", png(extra=chunk(b"eXIf", exif[6:14] + b"\xff\xff")))


# TIFF, WebP, GIF, PGM --------------------------------------------------------------------------------------------------


def tiff(width=4, height=3, bits=8, samples=1, pixels=None, tags=(), drop=(), order="<", next_page=0, **values):
    """One strip before the directory; `tags` are (tag, type, count, value) more or instead, `drop` are left out."""
    pixels = bytes(range(width * height * samples * bits // 8)) if pixels is None else pixels
    entries = {254: (4, 1, 0), 256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, bits), 259: (3, 1, 1), 262: (3, 1, 1),
               273: (4, 1, 8), 277: (3, 1, samples), 278: (4, 1, height), 279: (4, 1, len(pixels)), 284: (3, 1, 1)}
    entries.update({tag: (kind, count, value) for tag, kind, count, value in tags})
    for tag in drop:
        del entries[tag]
    pad = b"\0" * (len(pixels) % 2)
    directory = struct.pack(order + "H", len(entries))
    for tag, (kind, count, value) in sorted(entries.items()):
        directory += struct.pack(order + "HHI", tag, kind, count)
        directory += struct.pack(order + "HH", value, 0) if kind == 3 and count == 1 else struct.pack(order + "I", value)
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8 + len(pixels) + len(pad))
    return head + pixels + pad + directory + struct.pack(order + "I", next_page)


def images_tiff(put):
    good = tiff()
    put("image", "tiff_grey.tif", good)
    put("image", "tiff_big_endian.tif", tiff(order=">"))
    put("image", "tiff_rgb16.tif", tiff(bits=16, samples=3, tags=[(262, 3, 1, 2)]))
    put("image", "tiff_float.tif", tiff(bits=32, pixels=struct.pack("<12f", *[i / 12 for i in range(12)]), tags=[(339, 3, 1, 3)]))
    put("image", "tiff_float_wide.tif", tiff(bits=32, pixels=struct.pack("<12f", *range(12)), tags=[(339, 3, 1, 3)]))
    put("image", "tiff_float_nan.tif", tiff(bits=32, pixels=struct.pack("<12f", *[float("nan")] * 12), tags=[(339, 3, 1, 3)]))
    put("image", "tiff_deflate.tif", tiff(pixels=zlib.compress(bytes(12)), tags=[(259, 3, 1, 8)]))
    put("image", "tiff_palette.tif", tiff(tags=[(262, 3, 1, 3), (320, 3, 768, 8)], pixels=bytes(1536)))
    put("image", "tiff_tiles.tif", tiff(pixels=bytes(256), drop=[273, 278, 279],
                                        tags=[(322, 4, 1, 16), (323, 4, 1, 16), (324, 4, 1, 8), (325, 4, 1, 256)]))
    put("image", "tiff_turned.tif", tiff(tags=[(274, 3, 1, 6)]))
    put("image", "tiff_truncated.tif", tiff(tags=[(279, 4, 1, 12), (273, 4, 1, 4096)]))
    put("image", "tiff_header_alone.tif", b"II*\0")
    put("image", "tiff_directory_outside.tif", b"II*\0" + struct.pack("<I", 0x7FFFFFF0) + bytes(64))
    put("image", "tiff_endless.tif", tiff(next_page=20))
    put("image", "tiff_huge.tif", tiff(width=60000, height=60000, pixels=b"\0" * 12))
    put("image", "tiff_bomb.tif", tiff(width=16000, height=6000, pixels=b"\0" * 12))
    put("image", "tiff_bomb_deflate.tif", tiff(width=16000, height=6000, pixels=zlib.compress(bytes(12)), tags=[(259, 3, 1, 8)]))
    put("image", "tiff_of_no_size.tif", tiff(drop=[256]))
    put("image", "tiff_many_samples.tif", tiff(samples=40000, pixels=bytes(12)))
    put("image", "tiff_odd_bits.tif", tiff(bits=24, samples=1, pixels=bytes(36)))
    put("image", "tiff_complex.tif", tiff(bits=32, pixels=bytes(48), tags=[(339, 3, 1, 6)]))
    put("image", "tiff_huge_tiles.tif", tiff(pixels=bytes(256), drop=[273, 278, 279],
                                             tags=[(322, 4, 1, 0x7FFFFFF0), (323, 4, 1, 0x7FFFFFF0), (324, 4, 1, 8), (325, 4, 1, 256)]))
    put("image", "tiff_two_pages.tif", good[:-4] + struct.pack("<I", len(good)) + good[20:])


def riff(chunks, length=None):
    body = b"WEBP" + b"".join(name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body) if length is None else length) + body


LOSSLESS = base64.b64decode("LwAAABAHEBERiIj+Bw==")  # one pixel
LOSSY = base64.b64decode("MAEAnQEqAQABAA7A/iWkAANwAAAAAA==")  # another


def images_webp(put):
    good = riff([(b"VP8L", LOSSLESS)])
    extended = bytes([8, 0, 0, 0]) + bytes(6)
    exif = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x112, 3, 1, 6, 0, 0)
    put("image", "webp_lossless.webp", good)
    put("image", "webp_lossy.webp", riff([(b"VP8 ", LOSSY)]))
    put("image", "webp_exif.webp", riff([(b"VP8X", extended), (b"VP8L", LOSSLESS), (b"EXIF", exif)]))
    put("image", "webp_animated.webp",
        riff([(b"VP8X", bytes([2]) + bytes(9)), (b"ANIM", bytes(6)),
              (b"ANMF", bytes(16) + b"VP8L" + struct.pack("<I", len(LOSSLESS)) + LOSSLESS + b"\0")]))
    put("image", "webp_truncated.webp", good[:-6])
    put("image", "webp_header_alone.webp", riff([]))
    put("image", "webp_few_pixels.webp", riff([(b"VP8L", LOSSLESS[:6])]))
    put("image", "webp_huge.webp", riff([(b"VP8L", b"\x2f" + struct.pack("<I", 16383 | 16383 << 14) + bytes(8))]))
    put("image", "webp_bad_signature.webp", riff([(b"VP8L", b"\0" + LOSSLESS[1:])]))


def lzw(codes):
    """Codes of three bits: 4 clears the table, which must come before it grows, 5 ends."""
    number = sum(code << 3 * i for i, code in enumerate(codes))
    packed = number.to_bytes((3 * len(codes) + 7) // 8, "little")
    return bytes([2, len(packed)]) + packed + b"\0"


def gif(width=2, height=2, frame=None, colors=b"\0\0\0\xff\xff\xff", data=lzw([4, 0, 1, 4, 1, 0, 5]), end=b";", kind=b"GIF89a"):
    left, top, w, h = frame or (0, 0, width, height)
    flags = 0x80 if colors else 0
    return (kind + struct.pack("<HHBBB", width, height, flags, 0, 0) + colors + b"," +
            struct.pack("<HHHHB", left, top, w, h, 0) + data + end)


def images_gif(put):
    good = gif()
    put("image", "gif_grey.gif", good)
    put("image", "gif_comment.gif", good[:19] + b"!\xfe\x02hi\0" + good[19:])
    put("image", "gif_truncated.gif", good[:-3])
    put("image", "gif_header_alone.gif", b"GIF89a")
    put("image", "gif_without_image.gif", gif()[:19] + b";")
    put("image", "gif_outside.gif", gif(frame=(1, 1, 2, 2)))
    put("image", "gif_no_colors.gif", gif(colors=b""))
    put("image", "gif_huge.gif", gif(width=65535, height=65535))
    put("image", "gif_of_no_size.gif", gif(width=0, height=0))
    put("image", "gif_bad_code.gif", gif(data=lzw([4, 7, 7, 7, 7, 5])))
    put("image", "gif_bad_record.gif", good[:19] + b"Q" + good[19:])


def images_pnm(put):
    put("image", "pgm_binary.pgm", b"P5\n2 2\n255\n\x01\x02\x03\x04")
    put("image", "pgm_deep.pgm", b"P5 2 1 65535 \x01\x02\x03\x04")
    put("image", "pgm_twelve.pgm", b"P5 2 1 4095 \x01\x02\x03\x04")
    put("image", "pgm_text.pgm", "P2\n# comment\n2 2\n9\n0 1 8 9\n")
    put("image", "ppm_binary.ppm", b"P6\n1 1\n255\nabc")
    put("image", "ppm_text.ppm", "P3 1 1 255 1 2 3")
    put("image", "pgm_truncated.pgm", b"P5\n20 20\n255\n\x01")
    put("image", "pgm_text_truncated.pgm", "P2\n2 2\n9\n0 1 8")
    put("image", "pgm_bomb.pgm", b"P5\n16000 6000\n255\n\x01")
    put("image", "pgm_huge.pgm", b"P5\n99999 99999\n255\n\x01")
    put("image", "pgm_above.pgm", "P2\n1 1\n9\n10\n")
    put("image", "pgm_no_maximum.pgm", b"P5\n1 1\n0\n\x01")
    put("image", "pgm_letters.pgm", "P2\nab 1\n255\n1\n")


def images(put):
    images_png(put)
    images_jpeg(put)
    images_other(put)
    for target, make in (("tiff", images_tiff), ("webp", images_webp), ("gif", images_gif), ("pnm", images_pnm)):

        def put_both(_, name, data, own=target):
            put("image", name, data)
            put(own, name, data)

        make(put_both)
