#!/usr/bin/env python3
"""PDFs with a text layer, honest and forged: text_pdf.py KIND > FILE. Kinds are the functions below that have a page.

Helvetica is not embedded: every machine that draws pages has a substitute for it.
"""
import hashlib
import sys
import zlib

LINES = ["Invoice 4711 of the office supply company", "Paper clips and two staplers were delivered", "Total amount due: 1250.00 EUR"]
PAGE = "/MediaBox[0 0 612 792]"


def text(lines=LINES, x=72, y=700, size=12, extra=""):
    shown = "".join(f"1 0 0 1 {x} {y - 1.25 * size * i} Tm ({line}) Tj " for i, line in enumerate(lines))
    return f"BT {extra} /F {size} Tf {shown} ET\n"


def glyphs(word, x, y, scale):
    """Letters as outlines: bars in a grid of 3 by 5, which is all that a reader sees of them."""
    shapes = {"0": "757", "1": "262", "2": "717", "3": "737", "4": "571", "5": "474", "7": "711", "9": "757"}
    drawn = ""
    for at, letter in enumerate(word):
        for row, bits in enumerate(f"{int(shapes.get(letter, '575'), 8):09b}"):
            if bits == "1":
                drawn += f"{x + at * 4 * scale + row % 3 * scale} {y + (2 - row // 3) * scale} {scale} {scale} re f\n"
    return drawn


def image(width, height, pixels, space="/DeviceGray", bits=8):
    head = f"<</Type/XObject/Subtype/Image/Width {width}/Height {height}/ColorSpace {space}/BitsPerComponent {bits}"
    return head, pixels


def scan():
    """A picture of 200 x 260 greys over the whole page."""
    return image(200, 260, bytes(255 if (x // 3 + y // 5) % 4 else 40 for y in range(260) for x in range(200)))


def file(pages, fonts="/F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>", streams=(), more=(), content=None, trailer=""):
    """pages: (keys, content); streams: (dictionary's begin, bytes), named /X0, /X1; more: whole objects, from number 100 on.

    content: objects by number that take the place of others; trailer: more of its keys."""
    out = b"%PDF-1.7\n"
    places = {}

    def add(number, body):
        nonlocal out
        body = (content or {}).get(number, body)
        places[number] = len(out)
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"

    def stream(head, data):
        return f"{head}/Length {len(data)}>>\nstream\n".encode() + data + b"\nendstream"

    names = "".join(f"/X{i} {50 + i} 0 R" for i in range(len(streams)))
    kids = " ".join(f"{10 + 2 * i} 0 R" for i in range(len(pages)))
    form = b"/AcroForm<</Fields[100 0 R]/DA(/F 12 Tf)>>" if more else b""
    add(1, b"<</Type/Catalog/Pages 2 0 R" + form + b">>")
    add(2, f"<</Type/Pages/Count {len(pages)}/Kids[{kids}]>>".encode())
    for i, (keys, drawn) in enumerate(pages):
        add(10 + 2 * i, f"<</Type/Page/Parent 2 0 R{keys}/Contents {11 + 2 * i} 0 R"
            f"/Resources<</Font<<{fonts}>>/XObject<<{names}>>>>>>".encode())
        add(11 + 2 * i, stream("<</Filter/FlateDecode", zlib.compress(drawn.encode("latin-1"))))
    for i, (head, data) in enumerate(streams):
        packed = data if "/Filter" in head else zlib.compress(data)
        add(50 + i, stream(head if "/Filter" in head else head + "/Filter/FlateDecode", packed))
    for i, body in enumerate(more):
        add(100 + i, body if isinstance(body, bytes) else body.encode())
    start = len(out)
    last = max(places)
    out += f"xref\n0 {last + 1}\n0000000000 65535 f \n".encode()
    for number in range(1, last + 1):
        out += f"{places[number]:010} 00000 n \n".encode() if number in places else b"0000000000 65535 f \n"
    return out + f"trailer<</Size {last + 1}/Root 1 0 R{trailer}>>\nstartxref\n{start}\n%%EOF\n".encode()


PADDING = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")


def rc4(key, data):
    box, j, out = list(range(256)), 0, bytearray()
    for i in range(256):
        j = (j + box[i] + key[i % len(key)]) % 256
        box[i], box[j] = box[j], box[i]
    i = j = 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + box[i]) % 256
        box[i], box[j] = box[j], box[i]
        out.append(byte ^ box[(box[i] + box[j]) % 256])
    return bytes(out)


def encrypted(user, owner):
    """The plain page, encrypted by RC4 of 40 bits (PDF 1.7, 7.6.3: revision 2)."""
    user, owner, permissions, name = (user + PADDING)[:32], (owner + PADDING)[:32], (2**32 - 4).to_bytes(4, "little"), b"0" * 16
    owner_entry = rc4(hashlib.md5(owner).digest()[:5], user)
    key = hashlib.md5(user + owner_entry + permissions + name).digest()[:5]

    def hide(number, data):
        return rc4(hashlib.md5(key + number.to_bytes(3, "little") + b"\0\0").digest()[:10], data)

    content = hide(11, text().encode())
    stream = b"<</Length %d>>\nstream\n" % len(content) + content + b"\nendstream"
    entries = (owner_entry.hex(), rc4(key, PADDING).hex(), name.hex(), name.hex())
    keys = "/Encrypt<</Filter/Standard/V 1/R 2/O<%s>/U<%s>/P -4>>/ID[<%s><%s>]" % entries
    return file([(PAGE, "")], content={11: stream}, trailer=keys)


def encoded(name, to_unicode):
    """Helvetica whose character "a" draws the glyph /name and says that it is to_unicode (hexadecimal)."""
    cmap = ("/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /T def 1 begincodespacerange <00> <ff> "
            f"endcodespacerange 1 beginbfchar <61> <{to_unicode}> endbfchar endcmap end end").encode()
    font = ("/G<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 50 0 R"
            f"/Encoding<</Type/Encoding/Differences[97/{name}]>>>>/F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
    return font, ("<<", cmap)


def shifted(ranges):
    """Helvetica that calls its characters otherwise: (first, last, name of the first)."""
    font, (head, cmap) = encoded("a", "61")
    body = f"{len(ranges)} beginbfrange " + " ".join(f"<{a}> <{b}> <{to}>" for a, b, to in ranges) + " endbfrange"
    return font, (head, cmap.replace(b"1 beginbfchar <61> <61> endbfchar", body.encode()))


def widget(value, appearance):
    """A form field with its value and, drawn, its appearance."""
    drawn = f"/Tx BMC BT /F 12 Tf 2 5 Td ({appearance}) Tj ET EMC".encode()
    return ["<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/F 4/Rect[72 500 400 520]/DA(/F 12 Tf)/AP<</N 101 0 R>>"
            f"/V({value})>>",
            b"<</Type/XObject/Subtype/Form/BBox[0 0 328 20]/Resources<</Font<</F<</Type/Font/Subtype/Type1"
            b"/BaseFont/Helvetica>>>>>>/Length %d>>\nstream\n" % len(drawn) + drawn + b"\nendstream"]


def free_text(words):
    drawn = f"BT /F 12 Tf 2 5 Td ({words}) Tj ET".encode()
    return ["<</Type/Annot/Subtype/FreeText/F 4/Rect[72 500 400 520]/DA(/F 12 Tf)/AP<</N 101 0 R>>"
            f"/Contents({words})>>",
            b"<</Type/XObject/Subtype/Form/BBox[0 0 328 20]/Resources<</Font<</F<</Type/Font/Subtype/Type1"
            b"/BaseFont/Helvetica>>>>>>/Length %d>>\nstream\n" % len(drawn) + drawn + b"\nendstream"]


def cmyk_image():
    """A pale cyan ground; taken as RGBA or inverted it would be dark."""
    return image(1, 1, bytes([30, 0, 0, 0]), "/DeviceCMYK")


LIGATURE = encoded("fi", "FB01")
PRIVATE = encoded("bullet", "F0B7")
REPLACED = encoded("b", "FFFD")
SHIFTED = shifted([("20", "20", "0020"), ("30", "38", "0031"), ("41", "59", "0042"), ("61", "79", "0062")])
FORGED = shifted([("20", "20", "0020"), ("31", "31", "0039"), ("32", "39", "0032"), ("41", "5a", "0041"), ("61", "7a", "0061")])
HIDDEN = "Payment received in full"

KINDS = {
    "plain": lambda: file([(PAGE, text())]),
    "turned": lambda: file([(PAGE + "/Rotate 90", text())]),
    "cropped": lambda: file([("/MediaBox[0 0 900 1000]/CropBox[100 100 712 892]", text(x=172, y=800))]),
    "sideways": lambda: file([(PAGE, text() + "BT /F 12 Tf 0 1 -1 0 500 300 Tm (Written upwards along the edge) Tj ET")]),
    "columns": lambda: file([(PAGE, text(["left one of the page", "left two of the page", "left three is the end"], 72) +
                              text(["right one begins here", "right two of the page", "right three is the end"], 330))]),
    "ligature": lambda: file([(PAGE, text() + "BT /G 12 Tf 72 500 Td (a) Tj /F 12 Tf (ve of) Tj ET")], LIGATURE[0], [LIGATURE[1]]),
    "ornament": lambda: file([(PAGE, text() + "BT /G 12 Tf 60 700 Td (a) Tj ET")], PRIVATE[0], [PRIVATE[1]]),
    "private": lambda: file([(PAGE, text() + "BT /F 12 Tf 72 500 Td (Code X) Tj /G 12 Tf (a) Tj /F 12 Tf (Y) Tj ET")],
                            PRIVATE[0], [PRIVATE[1]]),
    "replaced": lambda: file([(PAGE, text() + "BT /F 12 Tf 72 500 Td (Code X) Tj /G 12 Tf (a) Tj /F 12 Tf (Y) Tj ET")],
                             REPLACED[0], [REPLACED[1]]),
    "shifted": lambda: file([(PAGE, text().replace("/F ", "/G "))], SHIFTED[0], [SHIFTED[1]]),
    "forged": lambda: file([(PAGE, text(["Pay 1111 to 1111 11111"]).replace("/F ", "/G "))], FORGED[0], [FORGED[1]]),
    "signs": lambda: file([(PAGE, text(['7+%-"', "+*/=+ %$-", "a;:-+"]))]),
    "white": lambda: file([(PAGE, text() + "1 g " + text([HIDDEN], y=500))]),
    "almost-white": lambda: file([(PAGE, text() + "0.97 g " + text([HIDDEN], y=500))]),
    "one-letter-white": lambda: file([(PAGE, text() + "BT /F 12 Tf 72 500 Td (Total ) Tj 1 g (9) Tj 0 g (00 EUR) Tj ET")]),
    "invisible": lambda: file([(PAGE, text() + text([HIDDEN], y=500, extra="3 Tr"))]),
    "covered": lambda: file([(PAGE, text() + text([HIDDEN], y=500) + "1 g 60 480 300 40 re f")]),
    "replaced-by-text": lambda: file([(PAGE, text() + text(["Total 9000 EUR"], y=500) + "1 g 60 480 300 40 re f 0 g " +
                                       text(["Total 100 EUR"], y=500))]),
    "under-text": lambda: file([(PAGE, text() + text(["Total 9000 EUR"], y=500) + text(["Sum of 12 EUR"], y=500))]),
    "clipped": lambda: file([(PAGE, text() + "q 0 0 10 10 re W n " + text([HIDDEN], y=500) + "Q")]),
    "tiny": lambda: file([(PAGE, text() + text([HIDDEN], y=500, size=1))]),
    "off-page": lambda: file([(PAGE, text() + text([HIDDEN], x=700, y=500))]),
    "white-on-black": lambda: file([(PAGE, text() + "60 480 300 40 re f 1 g " + text(["Paid with thanks"], y=495))]),
    "outlines": lambda: file([(PAGE, text() + glyphs("1250309472", 72, 500, 4))]),
    "frames": lambda: file([(PAGE, text() + "".join(f"{72 + 90 * (i % 4)} {500 - 24 * (i // 4)} 88 20 re S "
                                                    for i in range(12)))]),
    "picture": lambda: file([(PAGE, text() + "q 300 0 0 200 72 300 cm /X0 Do Q")], streams=[scan()]),
    "logo": lambda: file([(PAGE, text() + "q 60 0 0 30 480 740 cm /X0 Do Q")], streams=[image(2, 1, bytes([90, 90]))]),
    "scan": lambda: file([(PAGE, "q 612 0 0 792 0 0 cm /X0 Do Q " + text(extra="3 Tr"))], streams=[scan()]),
    "empty": lambda: file([(PAGE, "")]),
    "leaders": lambda: file([(PAGE, text(["Contents" + "." * 80 + "1", "Figures" + " ." * 40 + " 2", "Index" + "." * 80 + "3"]))]),
    "mixed": lambda: file([(PAGE, text(["First page with a text layer"])),
                           (PAGE, "1 g " + text([HIDDEN]) + "0 g " + text(["Second page is forged"], y=500)),
                           (PAGE, text(["Third page with a text layer"]))]),
    "field": lambda: file([(PAGE + "/Annots[100 0 R]", text())], more=widget("Not what is shown", "Written into the form")),
    "annotation": lambda: file([(PAGE + "/Annots[100 0 R]", text())], more=free_text("A remark in the margin")),
    "cmyk": lambda: file([(PAGE, "q 612 0 0 792 0 0 cm /X0 Do Q " + text())], streams=[cmyk_image()]),
    "user-password": lambda: encrypted(b"open sesame", b"owner"),
    "owner-password": lambda: encrypted(b"", b"owner"),
    "jpeg2000": lambda: file([(PAGE, "q 612 0 0 792 0 0 cm /X0 Do Q")], streams=[
        ("<</Type/XObject/Subtype/Image/Width 1275/Height 1650/Filter/JPXDecode", sys.stdin.buffer.read())]),
    "broken-xref": lambda: KINDS["plain"]().replace(b"startxref\n", b"startxref\n9").replace(b"0000000", b"0000077"),
    "huge": lambda: file([("/MediaBox[0 0 14400 14400]", text())]),
}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in KINDS:
        sys.exit(f"usage: text_pdf.py {'|'.join(KINDS)}")
    sys.stdout.buffer.write(KINDS[sys.argv[1]]())
