"""What peers of a DICOM node send, valid and hostile; put(TARGET, NAME, DATA) takes it. See make_corpus.py. The first byte: 1, a request for
an association that is in order goes before."""
import struct


def pdu(kind, body, length=None):
    return struct.pack(">BBI", kind, 0, len(body) if length is None else length) + body


def value(context, flags, body, length=None):
    return struct.pack(">IBB", len(body) + 2 if length is None else length, context, flags) + body


def element(tag, body):
    body += b"\0" * (len(body) % 2)
    return struct.pack("<HHI", 0, tag, len(body)) + body


def item(kind, body, length=None):
    return struct.pack(">BBH", kind, 0, len(body) if length is None else length) + body


def request(called=b"KEEL", contexts=((1, b"1.2.840.10008.1.1"), (3, b"1.2.840.10008.5.1.4.1.1.1")), user=b"", head=b"\0\1\0\0"):
    body = head + called.ljust(16) + b"PEER".ljust(16) + b"\0" * 32 + item(0x10, b"1.2.840.10008.3.1.1.1")
    for number, uid in contexts:
        body += item(0x20, bytes([number, 0, 0, 0]) + item(0x30, uid) + item(0x40, b"1.2.840.10008.1.2"))
    return pdu(1, body + item(0x50, item(0x51, struct.pack(">I", 16384)) + item(0x52, b"1.2.3") + user))


ECHO = element(0x0002, b"1.2.840.10008.1.1") + element(0x0100, b"\x30\0") + element(0x0110, b"\1\0") + element(0x0800, b"\1\1")


def store(instance=b"1.2.3.4", sop_class=b"1.2.840.10008.5.1.4.1.1.1", data=b"\0\0"):
    return (element(0x0002, sop_class) + element(0x0100, b"\1\0") + element(0x0110, b"\1\0") + element(0x0700, b"\0\0") +
            element(0x0800, data) + element(0x1000, instance))


DATA = struct.pack("<HHI", 8, 0x16, 26) + b"1.2.840.10008.5.1.4.1.1.1\0" + struct.pack("<HHI", 8, 0x18, 8) + b"1.2.3.4\0"
RELEASE, ABORT = pdu(5, b"\0" * 4), pdu(7, b"\0" * 4)


def dicom_peer_streams(put):
    def add(name, stream, before=True):
        put("dicom_peer", name, bytes([before]) + stream)

    command, data = (lambda c, body: pdu(4, value(c, 3, body))), (lambda body: pdu(4, value(3, 2, body)))
    add("echo", command(1, ECHO) + RELEASE)
    add("store", command(3, store()) + data(DATA) + command(3, store(b"1.2.3.5")) + data(DATA) + RELEASE)
    add("store_in_parts", pdu(4, value(3, 1, store()[:30])) + pdu(4, value(3, 3, store()[30:])) + pdu(4, value(3, 0, DATA[:20]) + value(3, 2, DATA[20:])) + RELEASE)
    add("store_too_much", command(3, store()) + pdu(4, value(3, 2, DATA * 200)) + RELEASE)
    add("store_without_data", command(3, store(data=b"\1\1")) + RELEASE)
    add("store_of_another_class", command(3, store(sop_class=b"1.2.840.10008.5.1.4.1.1.7")) + data(DATA))
    add("overlong_uid", command(3, store(b"1" * 200)) + data(DATA))
    add("data_of_another_context", command(3, store()) + pdu(4, value(1, 2, DATA)))
    add("odd_data", command(3, store()) + pdu(4, value(3, 2, b"123")))
    add("command_in_data", command(3, store()) + command(1, ECHO))
    add("command_of_nothing", command(1, b""))
    add("command_that_lies", command(1, struct.pack("<HHI", 0, 2, 0xFFFFFFF0) + b"1.2"))
    add("command_of_undefined_length", command(1, struct.pack("<HHI", 0, 2, 0xFFFFFFFF) + b"1.2"))
    add("find", command(1, element(0x0100, b"\x20\0") + element(0x0800, b"\0\0")))
    add("value_that_lies", pdu(4, value(1, 3, ECHO, 0x7FFFFFFF)))
    add("pdu_that_lies", pdu(4, value(1, 3, ECHO), 0xFFFFFFFF))
    add("release_and_more", RELEASE + command(1, ECHO))
    add("abort", ABORT)
    add("abort_in_data", command(3, store()) + pdu(4, value(3, 0, DATA)) + ABORT)
    add("request", request() + command(1, ECHO) + RELEASE, False)
    add("another_title", request(b"OTHER"), False)
    add("no_contexts", request(contexts=()), False)
    add("many_contexts", request(contexts=[(2 * i % 256 | 1, b"1.2.840.10008.5.1.4.1.1.1") for i in range(300)]), False)
    add("users", request(user=item(0x53, b"\0\1\0\1") + item(0x54, b"\0\5" + b"1.2.3" + b"\1\1") + item(0x55, b"NAME") +
                              item(0x56, b"\0\3" + b"1.2" + b"\1") + item(0x58, b"\1\1\0\4user\0\0")), False)
    add("users_that_lie", request(user=item(0x54, b"\xff\xff1") + item(0x58, b"\2\1\xff\xffu") + item(0x56, b"\xff", 200)), False)
    add("another_version", request(head=b"\xff\xfe\0\0"), False)
    whole = request()
    add("cut_off", whole[:100], False)
    add("short_length", pdu(1, whole[6:], 70) , False)
    add("empty", b"", False)
    add("http", b"GET / HTTP/1.1\r\n\r\n", False)
