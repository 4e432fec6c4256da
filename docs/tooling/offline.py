"""Fail where a page of the built site would fetch anything from elsewhere: python docs/tooling/offline.py SITE."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

FETCHED = {"script": "src", "img": "src", "iframe": "src", "video": "src", "source": "src", "link": "href"}
"""Tag -> the attribute whose address a browser fetches unasked."""
HARMLESS = ("canonical", "next", "prev")


class _Fetched(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        address = given.get(FETCHED.get(tag, "")) or ""
        if address.startswith(("http:", "https:", "//")) and given.get("rel") not in HARMLESS:
            self.outside.append(f"<{tag}> {address}")


def outside(site: Path) -> Iterator[str]:
    """The addresses that pages would fetch from elsewhere, `page: <tag> address`."""
    for page in sorted(site.rglob("*.html")):
        parser = _Fetched()
        parser.feed(page.read_text(encoding="utf-8"))
        yield from (f"{page.relative_to(site)}: {found}" for found in parser.outside)


if __name__ == "__main__":
    found = list(outside(Path(sys.argv[1])))
    print("\n".join(found) or "every page is whole without a network")
    sys.exit(1 if found else 0)
