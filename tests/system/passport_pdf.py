#!/usr/bin/env python3
"""Writes a page with the passport of ICAO Doc 9303 part 4's example to standard output, as a PDF."""
import sys

LINES = [
    "UTOPIA PASSPORT",
    "Surname ERIKSSON",
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
]
text = "BT /F1 16 Tf 40 700 Td 40 TL " + " ".join(f"({line}) Tj T*" for line in LINES) + " ET"
objects = [
    "<</Type/Catalog/Pages 2 0 R>>",
    "<</Type/Pages/Kids[3 0 R]/Count 1>>",
    "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 5 0 R>>>>/Contents 4 0 R>>",
    f"<</Length {len(text)}>>stream\n{text}\nendstream",
    "<</Type/Font/Subtype/Type1/BaseFont/Courier>>",
]
out, offsets = "%PDF-1.4\n", []
for number, body in enumerate(objects, 1):
    offsets.append(len(out))
    out += f"{number} 0 obj\n{body}\nendobj\n"
table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
out += f"xref\n0 6\n0000000000 65535 f \n{table}trailer<</Size 6/Root 1 0 R>>\nstartxref\n{len(out)}\n%%EOF\n"
sys.stdout.write(out)
