"""Security headers of the gateway: one table for the embedded one and for nginx (OWASP ASVS 5.0, 3.4).

python3 -m store_cli.up.page_security FOLDER >content_security.conf

writes the policies as nginx reads them; infra/nginx/conf/headers.conf repeats the table, and a test compares them.
Nothing is imported but the standard library: the image of nginx is built without the shop's packages.
"""

import base64
import hashlib
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

HEADERS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
"""On every answer of a gateway, besides `Content-Security-Policy`."""
API_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
"""The policy of everything that is not a page: nothing in it may be run or loaded."""
PAGES: Final = ("/docs/", "/swagger/")
"""Where pages are; they have a policy made of what is in them."""

_SCRIPT = re.compile(r"<script(?P<attributes>[^>]*)>(?P<code>.*?)</script>", re.DOTALL)
_DATA = re.compile(r'\bsrc=|type="application/(?:ld\+)?json"')
"""A script that is loaded, or that is data: it needs no hash."""


def page_policy(*folders: Path) -> str:
    """Return the policy of pages: everything from here only, no program or style inside a page but the known ones."""
    hashes = sorted({_hash(code) for folder in folders for code in _inline_scripts(folder)})
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


def nginx_map(folder: Path) -> str:
    """Return the policies as a map of nginx, for the pages in a folder."""
    pages = "".join(f'    ~^{path} "{page_policy(folder)}";\n' for path in PAGES)
    return f'map $uri $content_security {{\n    default "{API_POLICY}";\n{pages}}}'


def _inline_scripts(folder: Path) -> Iterator[str]:
    for page in sorted(folder.rglob("*.html")):
        for script in _SCRIPT.finditer(page.read_text(encoding="utf-8")):
            if not _DATA.search(script["attributes"]):
                yield script["code"]


def _hash(code: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"


if __name__ == "__main__":
    print(nginx_map(Path(sys.argv[1])))
