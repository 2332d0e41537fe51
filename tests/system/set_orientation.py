"""usage: set_orientation.py FILE N: puts an EXIF orientation into a JPEG, PNG or WebP file."""
import struct
import sys
import zlib

path, orientation = sys.argv[1], int(sys.argv[2])
with open(path, "rb") as file:
    old = file.read()
exif = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def png_chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def webp_chunk(name, body):
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


if path.endswith(".jpg"):
    body = b"Exif\0\0" + exif
    new = old[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + old[2:]
elif path.endswith(".png"):
    new = old[:33] + png_chunk(b"eXIf", exif) + old[33:]
else:
    # the simple format becomes the extended one, which has flags and the canvas' size (VP8: a key frame's header has it)
    width, height = struct.unpack("<HH", old[26:30])
    size = struct.pack("<I", (width & 0x3FFF) - 1)[:3] + struct.pack("<I", (height & 0x3FFF) - 1)[:3]
    chunks = webp_chunk(b"VP8X", b"\x08\0\0\0" + size) + old[12:] + webp_chunk(b"EXIF", exif)
    new = b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks
with open(path, "wb") as file:
    file.write(new)
