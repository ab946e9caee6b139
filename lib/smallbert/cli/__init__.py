"""The command line: one module a group of commands, each with an ``add`` that enters them."""

from __future__ import annotations

import argparse
import errno
import io
import os
import signal
import sys
from collections.abc import Sequence

from smallbert import __version__
from smallbert.cli import compare, distil, embed, pretrain, recommend, report, score, size, trim
from smallbert.errors import MachineError, SmallbertError

# Heavy libraries are imported inside the commands, so that help and `params` answer at once.

_EXAMPLES = """examples:
  smallbert run                                      the default report, pages in report/default/
  smallbert run --profile smoke --dry-run            what would run, and why
  smallbert run --profile news -p corpus=my.csv      your own articles (title and text columns are guessed)
  smallbert run --only 02 -p 02_autoencoder_depth.seeds=7
  smallbert check out/                               does a rerun reproduce what is published?
  smallbert embed my.csv --encoder minilm --out vectors/

exit codes: 0 done, 1 differ (compare, check), 2 usage, 3 data, 4 machine, 5 a notebook failed, 130 interrupted,
141 the reader of its output has left"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors made for users print without a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that knows ASCII alone gets the rest in codes
    options = _parser().parse_args(arguments)
    try:
        code = options.command(options) or 0
        sys.stdout.flush()  # what cannot be written shall fail here, and not when Python ends
        return code
    except SmallbertError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  next: {error.hint}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("\ninterrupted: what is finished is kept; the same command goes on from there.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of a pipe has left
        _write_no_more()
        return 128 + signal.SIGPIPE
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _write_no_more()
        print("error: Cannot write the output: no space is left where it goes.", file=sys.stderr)
        print("  next: Free some, or write it elsewhere.", file=sys.stderr)
        return MachineError.exit_code


def _write_no_more() -> None:
    """Python flushes standard output once more as it ends, and would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="smallbert",
        description="How small can a multilingual BERT be made, and what does it cost?",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"smallbert {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for group in (report, compare, recommend, embed, pretrain, distil, score, size, trim):
        group.add(commands)
    return parser
