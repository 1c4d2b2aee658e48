"""What runs in the process that reads a PDF. `pdf.py` starts it as a script and never imports it.

The PDF is on stdin. One JSON object goes to stdout: the texts of its pages, or why there are none.
"""

from __future__ import annotations

import json
import logging
import struct
import sys
import zlib
from io import BytesIO

# What pypdf raises for a damaged file, besides its own errors.
_DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


class Refused(Exception):
    """Why a PDF is not read."""


def main() -> None:
    """Read the PDF within the limits that the arguments are: pages, characters, bytes, seconds."""
    max_pages, max_chars, memory_bytes, cpu_s = map(int, sys.argv[1:])
    # What pypdf says of a damaged file is in the reason.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    _limit(memory_bytes, cpu_s)
    try:
        outcome: dict[str, object] = {
            "pages": _pages(sys.stdin.buffer.read(), max_pages, max_chars)
        }
    except Refused as exc:
        outcome = {"reason": str(exc)}
    except MemoryError:
        outcome = {"reason": f"reading it takes more than {memory_bytes >> 20} MB of memory"}
    sys.stdout.write(json.dumps(outcome))


def _limit(memory_bytes: int, cpu_s: int) -> None:
    try:
        import resource
    except ImportError:  # Windows: only the time of the clock is limited there
        return
    # Above the first limit comes SIGXCPU, which tells it from other ends.
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 5))
    try:
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    except (OSError, ValueError):  # macOS may refuse it
        return


def _pages(data: bytes, max_pages: int, max_chars: int) -> list[str]:
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, PyPdfError

    try:
        reader = PdfReader(BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Refused("it is encrypted with a password")
        pages = list(reader.pages)
        if len(pages) > max_pages:
            raise Refused(f"it has {len(pages)} pages, and at most {max_pages} are read")
        texts: list[str] = []
        count = 0
        for page in pages:
            texts.append(page.extract_text())
            count += len(texts[-1])
            if count > max_chars:
                raise Refused(f"its text has more than {max_chars} characters")
        return texts
    except DependencyError as exc:
        raise Refused("it is encrypted") from exc
    except (PyPdfError, *_DAMAGE) as exc:
        raise Refused(f"it is damaged ({type(exc).__name__})") from exc


if __name__ == "__main__":
    main()
