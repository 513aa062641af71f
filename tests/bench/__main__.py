"""All benches, one table.

    python -m tests.bench                      # half an hour on a quiet machine; needs MNIST in ESPALIER_DATA and a Chromium
    python -m tests.bench engine service       # single parts; the table keeps what others have found

Each part runs in a process of its own. Writes results/bench.md and a table a part.
"""

import argparse
import subprocess
import sys

from .measuring import write_table

PARTS = ("peers", "engine", "scoring", "service", "dashboard", "pages")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help=f"{', '.join(PARTS)}; all where none is named")
    failed = [
        part
        for part in parser.parse_args().parts or PARTS
        if subprocess.run([sys.executable, "-m", f"tests.bench.{part}"], check=False).returncode
    ]
    write_table(PARTS)
    if failed:
        raise SystemExit(f"These could not be measured: {', '.join(failed)}.")


if __name__ == "__main__":
    main()
