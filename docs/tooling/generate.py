"""Fill in what the documentation quotes from the program, between `<!-- generated: bench ... -->` and `<!-- end -->`.

python docs/tooling/generate.py, in the repository's root; a test holds the pages to what the commands print.
"""

from __future__ import annotations

import io
import re
import shlex
from contextlib import redirect_stdout
from pathlib import Path

from privtalk.bench import cli
from privtalk.core.files import write_atomic

DOCS = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"<!-- generated: (bench [^\n]+) -->\n(.*?)<!-- end -->", re.DOTALL)


def printed(command: str) -> str:
    """The output of a command, run in the repository's root."""
    out = io.StringIO()
    with redirect_stdout(out):
        code = cli.guarded(shlex.split(command)[1:])
    if code:
        raise ValueError(f"{command}: exit code {code}")
    return out.getvalue()


def filled(page: str) -> str:
    """A page with every block as its command prints it now."""
    return BLOCK.sub(
        lambda block: f"<!-- generated: {block[1]} -->\n{printed(block[1]).strip()}\n<!-- end -->", page
    )


def main() -> None:
    for path in sorted(DOCS.rglob("*.md")):
        text = path.read_text(encoding="utf-8")
        if BLOCK.search(text) and (new := filled(text)) != text:
            write_atomic(path, new)
            print(f"wrote {path.relative_to(DOCS.parent)}")


if __name__ == "__main__":
    main()
