"""Requests to a server: bodies of the Open Inference Protocol, and what travels over a connection."""
import base64
import json
import struct
import zlib


def png():
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes((x * 8 + y) % 256 for x in range(32)) for y in range(32))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32, 8, 0, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def infer_bodies():
    """By name: two bytes that say how many are JSON, little-endian, or 65535 for all; then the body."""
    def body(request, data=b"", length=None):
        text = request if isinstance(request, bytes) else json.dumps(request).encode()
        return struct.pack("<H", len(text) if length is None else length) + text + data

    def one(datatype, shape, data, name="image"):
        return {"inputs": [{"name": name, "datatype": datatype, "shape": shape, "data": data}]}

    image = png()
    element = struct.pack("<I", len(image)) + image
    sized = {"binary_data_size": len(element)}
    pixels = bytes(range(192))
    flat = list(range(48))
    nested = [[[[3 * x + c for c in range(3)] for x in range(4)] for _ in range(4)]]
    return {
        "json_image": body(one("BYTES", [1], data=[base64.b64encode(image).decode()]), length=65535),
        "json_flat": body(one("UINT8", [1, 4, 4, 3], name="pixels", data=flat), length=65535),
        "json_nested": body(one("UINT8", [1, 4, 4, 3], name="pixels", data=nested), length=65535),
        "json_ragged": body(one("UINT8", [1, 4, 4, 3], name="pixels", data=[[1], [2, 3]]), length=65535),
        "json_fractions": body(one("FP32", [1, 4, 4, 1], name="pixels", data=[0.5] * 16), length=65535),
        "json_huge_number": body(one("FP32", [1, 1, 1, 1], name="pixels", data=[1e308]), length=65535),
        "json_network": body(one("FP32", [1, 32, 32, 3], name="input", data=[0.25] * 3072), length=65535),
        "json_deep": body(b"[" * 30000, length=65535),
        "json_twice": body(b'{"inputs": [], "inputs": []}', length=65535),
        "json_escape": body(b'{"inputs": [{"name": "\\ud800"}]}', length=65535),
        "json_cut": body(b'{"inputs": [{"name": "image", "data', length=65535),
        "binary_image": body({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "parameters": sized}]}, element),
        "binary_two": body({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [2],
                                        "parameters": {"binary_data_size": 2 * len(element)}}]}, element * 2),
        "binary_pixels": body({"inputs": [{"name": "pixels", "datatype": "UINT8", "shape": [1, 8, 8, 3],
                                           "parameters": {"binary_data_size": 192, "layout": "NHWC"}}]}, pixels),
        "binary_planes": body({"inputs": [{"name": "pixels", "datatype": "UINT8", "shape": [1, 3, 8, 8],
                                           "parameters": {"binary_data_size": 192}}]}, pixels),
        "binary_lies": body({"inputs": [{"name": "pixels", "datatype": "UINT8", "shape": [1, 8, 8, 3],
                                         "parameters": {"binary_data_size": 193}}]}, pixels),
        "binary_overflow": body({"inputs": [{"name": "pixels", "datatype": "FP32", "shape": [1, 4294967296, 4294967296, 3],
                                             "parameters": {"binary_data_size": 192}}]}, pixels),
        "binary_element": body({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1],
                                            "parameters": {"binary_data_size": 8}}]}, b"\xff\xff\xff\xffabcd"),
        "binary_left": body({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "parameters": sized}]},
                            element + b"more"),
        "outputs": body({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "parameters": sized}],
                         "parameters": {"timeout": 5, "binary_data_output": True, "label": "b"}, "id": "7",
                         "outputs": [{"name": "probabilities", "parameters": {"classification": 2, "binary_data": False}},
                                     {"name": "heatmap"}, {"name": "overlay"}]}, element),
    }


def http_streams():
    head = b"POST / HTTP/1.1\r\nHost: a\r\n"
    return {
        "get": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "head": b"HEAD /v2 HTTP/1.1\r\nHost: a\r\n\r\n",
        "old": b"GET / HTTP/1.0\r\n\r\n",
        "post": head + b"Content-Length: 5\r\n\r\nhello",
        "chunks": head + b"Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nT: u\r\n\r\n",
        "pipelined": (head + b"Content-Length: 1\r\n\r\nx") * 3 + b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "continue": head + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
        "both": head + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "lengths": head + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "huge": head + b"Content-Length: 18446744073709551615\r\n\r\n",
        "folded": b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
        "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
        "zeros": bytes(64),
        "long": b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n",
        "cut": head + b"Content-Length: 100\r\n\r\nabc",
        "chunk_size": head + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    }


def serve_configs():
    return {
        "good": 'listen = "127.0.0.1:0"\n[[model]]\nname = "m"\nfile = "model.safetensors"\n',
        "syntax": "listen = \n",
        "binary": bytes(range(256)),
        "deep": "a = " + "[" * 20000,
        "unknown": "max_bach = 8\n",
        "type": 'max_batch = "many"\n',
        "list": "max_batch = [8]\n",
        "model_text": 'model = "m"\n',
        "model_empty": "[[model]]\n",
        "model_key": '[[model]]\nfile = "m"\npath = "n"\n',
        "model_type": "[[model]]\nfile = 7\n",
        "model_name": '[[model]]\nfile = "m"\nname = "../m"\n',
    }
