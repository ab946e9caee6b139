"""Trains a WordPiece vocabulary for cased multilingual text and stores it as a Hugging Face tokenizer.

WordPiece as in BERT (Devlin et al. 2019, section 3); normalisation as multilingual BERT's cased model has it: case and
accents stay, Chinese characters stand alone. Languages are balanced as in google-research/bert ``multilingual.md``
("Data Source and Sampling").
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import repeat
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from smallbert import storage
from smallbert.errors import DataError, UsageError

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
"""The special tokens; a token's place here is its id."""

PAD, UNK, CLS, SEP, MASK = range(len(SPECIAL_TOKENS))

SMOOTHING = 0.7
"""Exponent that smooths the languages' shares, as for multilingual BERT (``multilingual.md``)."""

LONGEST_WORD = 1000
"""Characters of a word before it becomes [UNK]. BERT's 100 loses whole clauses of Thai, which sets no blanks."""


def train_wordpiece(
    texts: Iterable[str],
    vocabulary_size: int,
    out: Path,
    *,
    languages: Iterable[str] | None = None,
    characters: int = 100_000_000,
    seed: int = 0,
) -> Path:
    """Train a vocabulary and write the tokenizer folder; the same input gives the same bytes.

    Args:
        texts: an iterable that can be read twice (a list, or an object that opens its stream anew); streamed.
        vocabulary_size: number of tokens, special tokens included; little text may give fewer.
        out: folder that receives ``tokenizer.json`` and ``tokenizer_config.json``.
        languages: one language code a text, readable twice as well. Languages then enter with shares proportional to
            ``share ** 0.7``, reached by dropping texts of the larger ones. Without it every text has the same chance.
        characters: about how many characters to learn from; larger corpora are thinned to it.
        seed: of the random choice of texts.

    Returns:
        ``out``, loadable by ``transformers.AutoTokenizer``.

    Raises:
        UsageError: the vocabulary is too small, or an iterable can be read only once.
        DataError: there is no text.
    """
    if vocabulary_size < 64:
        raise UsageError(f"Expected a vocabulary of at least 64 tokens, got {vocabulary_size}.")
    check_readable_twice(texts, "texts")
    check_readable_twice(languages, "languages")
    sizes: Counter[str] = Counter()
    for text, language in _paired(texts, languages):
        sizes[language] += len(text)
    if not sum(sizes.values()):
        raise DataError("Expected texts to learn a vocabulary from, got none.")

    keep = keep_probabilities(sizes, characters)
    tokenizer = _tokenizer(models.WordPiece(unk_token="[UNK]"))
    # A character costs up to two tokens (at and after a word's start). Left alone, the thousands of Chinese characters
    # and Korean syllables would leave no room for words.
    characters_kept = _alphabet(tokenizer, _sample(texts, languages, keep, seed), vocabulary_size // 4)
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocabulary_size,
        # The trainer numbers characters in the order of a hash table, and ties between merges follow the numbers:
        # only with the numbers fixed here do the same texts give the same vocabulary.
        special_tokens=[*SPECIAL_TOKENS, *characters_kept, *_continuations(tokenizer, characters_kept)],
        initial_alphabet=characters_kept,
        limit_alphabet=len(characters_kept),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_sample(texts, languages, keep, seed), trainer)
    # Built anew, because the trainer made every character a special token of its tokenizer.
    vocabulary = dict(sorted(tokenizer.get_vocab().items(), key=lambda item: item[1]))
    model = models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=LONGEST_WORD)
    tokenizer = _tokenizer(model)
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    return save(tokenizer, out)


def keep_probabilities(sizes: Counter[str], characters: int) -> dict[str, float]:
    """Probability to keep a text of each language so that shares become ``share ** 0.7``, renormalised.

    Args:
        sizes: characters of each language.
        characters: upper limit of the expected characters kept.
    """
    total = sum(sizes.values())
    # The smallest language is kept whole; nothing is read twice.
    wanted = {language: (size / total) ** SMOOTHING for language, size in sizes.items() if size}
    scale = min(sizes[language] / weight for language, weight in wanted.items())
    scale = min(scale, characters / sum(wanted.values()))
    return {language: scale * weight / sizes[language] for language, weight in wanted.items()}


def load(folder: Path) -> Tokenizer:
    """The trained tokenizer without the transformers layer: fast, and with no special token found inside text.

    Raises:
        DataError: the folder holds no tokenizer, or one without BERT's special tokens where we put them.
    """
    path = folder / "tokenizer.json"
    if not path.exists():
        raise DataError(f"Expected a tokenizer at {path}, which does not exist.")
    tokenizer = Tokenizer.from_file(str(path))
    found = [tokenizer.id_to_token(i) for i in range(len(SPECIAL_TOKENS))]
    if found != list(SPECIAL_TOKENS):
        raise DataError(f"Expected {path} to start with {SPECIAL_TOKENS}, got {found}.")
    tokenizer.encode_special_tokens = True  # a text that says "[MASK]" means six characters
    return tokenizer


def save(tokenizer: Tokenizer, out: Path) -> Path:
    """Write a tokenizer as a Hugging Face folder, atomically file by file."""
    storage.write_text(out / "tokenizer.json", tokenizer.to_str(pretty=True))
    roles = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL_TOKENS, strict=True))
    # The generic class reads tokenizer.json as it is; BertTokenizer would rebuild the parts with its own defaults.
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
    }
    storage.write_json(out / "tokenizer_config.json", {**settings, **roles})
    return out


def check_readable_twice(iterable: Iterable | None, name: str) -> None:
    """Refuse generators and other one-way streams.

    Raises:
        UsageError: ``iterable`` is its own iterator.
    """
    if isinstance(iterable, Iterator):
        raise UsageError(
            f"Expected {name} that can be read twice, got a {type(iterable).__name__}.",
            "Pass a list, or an object whose __iter__ starts a new stream.",
        )


def _alphabet(tokenizer: Tokenizer, texts: Iterable[str], limit: int) -> list[str]:
    """The most frequent characters after normalisation, ties to the lower code point; in order of code points."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(tokenizer.normalizer.normalize_str(text))
    for blank in [character for character in counts if character.isspace()]:
        del counts[blank]
    frequent = sorted(counts, key=lambda character: (-counts[character], character))
    return sorted(frequent[:limit])


def _continuations(tokenizer: Tokenizer, characters: list[str]) -> list[str]:
    """``##c`` for each character that can follow another in one word: no punctuation, no Chinese character."""
    normalize, split = tokenizer.normalizer.normalize_str, tokenizer.pre_tokenizer.pre_tokenize_str
    return [f"##{c}" for c in characters if len(split(normalize(f"a{c}"))) == 1]


def _tokenizer(model: models.WordPiece) -> Tokenizer:
    tokenizer = Tokenizer(model)
    bert = normalizers.BertNormalizer(lowercase=False, strip_accents=False, handle_chinese_chars=True)
    # NFC first: a letter and its accent are one character however the source typed them.
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), bert])
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)],
    )
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def _paired(texts: Iterable[str], languages: Iterable[str] | None) -> Iterator[tuple[str, str]]:
    try:
        yield from zip(texts, repeat("")) if languages is None else zip(texts, languages, strict=True)
    except ValueError as error:
        raise UsageError("Expected one language for each text, got a different number.") from error


def _sample(texts: Iterable[str], languages: Iterable[str] | None, keep: dict[str, float], seed: int) -> Iterator[str]:
    chance = np.random.default_rng(seed)
    for text, language in _paired(texts, languages):
        if chance.random() < keep.get(language, 0.0):
            yield text
