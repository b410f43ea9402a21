"""Writes nginx' Content-Security-Policy for a folder of pages: scripts inside them are allowed by their hashes.

python3 content_security.py FOLDER >content_security.conf
"""

import base64
import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

_SCRIPT = re.compile(r"<script(?P<attributes>[^>]*)>(?P<code>.*?)</script>", re.DOTALL)
_DATA = re.compile(r'\bsrc=|type="application/(?:ld\+)?json"')
"""A script that is loaded, or is no program: no hash allows it."""


def inline_scripts(folder: Path) -> Iterator[str]:
    """Yield the programs inside the pages."""
    for page in sorted(folder.rglob("*.html")):
        for script in _SCRIPT.finditer(page.read_text(encoding="utf-8")):
            if not _DATA.search(script["attributes"]):
                yield script["code"]


def policy(folder: Path) -> str:
    """Return the policy: everything from here only, no program or style inside a page but the known ones."""
    hashes = sorted({_hash(code) for code in inline_scripts(folder)})
    return "; ".join(
        (
            "default-src 'none'",
            " ".join(("script-src 'self'", *hashes)),
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            "connect-src 'self'",
            "worker-src 'self'",
            "manifest-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


def _hash(code: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"


if __name__ == "__main__":
    print(f'map "" $content_security {{\n    default "{policy(Path(sys.argv[1]))}";\n}}')
