"""The corpus that ``smallbert embed`` is asked for."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from smallbert import paths
from smallbert.corpus.prepare import prepare_source
from smallbert.corpus.prepared import MANIFEST, Corpus
from smallbert.errors import UsageError
from smallbert.report.settings import CorpusAndEmbeddings
from smallbert.studies import embed


def refuse_what_has_no_meaning(options: argparse.Namespace) -> None:
    """Refuse flags about reading where nothing is read.

    Raises:
        UsageError: the flag is named.
    """
    is_prepared = _is_prepared(options.corpus)
    if not is_prepared and options.corpus != embed.GENERATED:
        return
    flags = {"--column": options.columns, "--lang": options.lang, "--keep-duplicates": options.keep_duplicates}
    flags |= {"--max-bad-rows": options.max_bad_rows is not None, "--rows": is_prepared and options.rows}
    if given := [flag for flag, value in flags.items() if value]:
        kind = "a prepared corpus" if is_prepared else "the generated world"
        raise UsageError(f"{given[0]} has no meaning for {kind}, which is taken as it is.", "Leave it out.")
    if not is_prepared and not options.rows:
        raise UsageError("The generated world has no end: say how many articles.", "For example --rows 20000.")


def corpus(options: argparse.Namespace, columns: dict[str, str]) -> Corpus:
    """The corpus to embed: opened, generated, or read, split and cleaned as the report does it.

    So the two share their prepared corpora.

    Args:
        options: of the command line.
        columns: our column -> the corpus's.

    Raises:
        UsageError, DataError, MachineError: as :func:`smallbert.corpus.prepare.prepare_source` does.
    """
    if _is_prepared(options.corpus):
        return Corpus.open(options.corpus)
    settings = CorpusAndEmbeddings().model_dump(
        include={"seed", "test_fraction", "validation_fraction", "near_duplicates", "max_bad_rows"}
    )
    if options.corpus == embed.GENERATED:
        return embed.corpus(options.corpus, rows=options.rows, columns={}, least={}, **settings)
    if options.max_bad_rows is not None:
        settings["max_bad_rows"] = options.max_bad_rows
    if options.keep_duplicates:
        settings["keep_duplicates"] = True
    folder = paths.cache() / "corpora"
    return prepare_source(options.corpus, folder, columns=columns, lang=options.lang, rows=options.rows, **settings)


def _is_prepared(corpus: str) -> bool:
    return os.path.isfile(Path(corpus) / MANIFEST)  # False, too, for a name that no file can have
