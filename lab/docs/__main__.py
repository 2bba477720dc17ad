"""`python -m lab.docs docs` writes the generated pages into a directory."""

import sys
from pathlib import Path

from lab.docs.pages import write_docs

if __name__ == "__main__":
    for path in write_docs(Path(sys.argv[1] if len(sys.argv) > 1 else "docs")):
        print(path)
