"""Small PDFs for tests, written by hand: one page for each list of lines."""

from __future__ import annotations

import zlib


def pdf(*pages: list[str], times: int = 1, packed: bytes | None = None) -> bytes:
    """A PDF with these lines on its pages.

    Args:
        times: how often it names each page.
        packed: what stands on each page instead, packed.
    """
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)) for _ in range(times))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {times * len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for n, lines in enumerate(pages):
        shown = "".join(f"({line}) Tj T* " for line in lines)
        stream = f"BT /F1 12 Tf 14 TL 50 750 Td {shown}ET"
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] "
            f"/Resources << /Font << /F1 3 0 R >> >> /Contents {5 + 2 * n} 0 R >>"
        )
        more = ""
        if packed is not None:
            stream, more = zlib.compress(packed).decode("latin-1"), " /Filter /FlateDecode"
        objects.append(f"<< /Length {len(stream)}{more} >>\nstream\n{stream}\nendstream")
    data = b"%PDF-1.4\n"
    offsets = []
    for number, text in enumerate(objects, 1):
        offsets.append(len(data))
        data += f"{number} 0 obj\n{text}\nendobj\n".encode("latin-1")
    start = len(data)
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    tail = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    return data + (head + tail).encode()
