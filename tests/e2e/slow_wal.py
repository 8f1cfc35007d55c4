"""A write-ahead log that takes seconds to replay and a moment to write: one compressed page, which names one series some ten
thousand times, over and over. Format: docs/formats/wal.md."""
import os

PAGE_BYTES = 32 * 1024
HEADER_BYTES = 7
FULL_SNAPPY_RECORD = 1 | 8


def crc32c(data):
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def varint(number):
    out = b""
    while number >= 128:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def text(string):
    return varint(len(string)) + string.encode()


def page():
    entry = (1).to_bytes(8, "big") + varint(2) + text("__name__") + text("slow_replay") + text("instance") + text("x")
    assert len(entry) <= 60
    copy = bytes([len(entry) - 1 << 2 | 2]) + len(entry).to_bytes(2, "little")
    literal = b"\x01" + entry  # a series record's type, and the first entry
    room = PAGE_BYTES - HEADER_BYTES - 5 - 2 - len(literal)
    copies = room // len(copy)
    block = varint(1 + len(entry) * (1 + copies)) + bytes([len(literal) - 1 << 2]) + literal + copy * copies
    record = bytes([FULL_SNAPPY_RECORD]) + len(block).to_bytes(2, "big") + crc32c(block).to_bytes(4, "big") + block
    return record.ljust(PAGE_BYTES, b"\0")


def write_slow_wal(data, pages):
    """Below the data directory `data`, in one segment: at most 4096 pages."""
    os.makedirs(os.path.join(data, "wal"))
    with open(os.path.join(data, "wal", "00000000"), "wb") as out:
        one = page()
        for _ in range(pages):
            out.write(one)
