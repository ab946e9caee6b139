"""One code a language: corpora that write ``eng`` and corpora that write ``en`` are counted together."""

from __future__ import annotations

import re

# ISO 639-3 (and 639-2/B) codes, each before its ISO 639-1 code. BCP 47 (RFC 5646, 2.2.1) asks for the shorter.
_PAIRS = """
    afr af amh am ara ar aze az bel be ben bn bul bg cat ca ces cs cze cs chi zh zho zh cmn zh cym cy dan da
    deu de ger de ell el gre el eng en est et eus eu fas fa per fa fin fi fra fr fre fr gle ga glg gl guj gu
    hau ha heb he hin hi hrv hr hun hu hye hy ibo ig ind id isl is ita it jpn ja kan kn kat ka kaz kk khm km
    kin rw kir ky kor ko lao lo lav lv lin ln lit lt lug lg mal ml mar mr mkd mk mlg mg mon mn msa ms mya my
    nep ne nld nl dut nl nor no nya ny orm om pan pa pol pl por pt ron ro rum ro run rn rus ru sin si slk sk
    slv sl sna sn som so sot st spa es sqi sq srp sr swa sw swe sv tam ta tat tt tel te tgk tg tgl tl tha th
    tir ti tsn tn tur tr ukr uk urd ur uzb uz vie vi wol wo xho xh yor yo zul zu
"""
_SHORTER = dict(zip(_PAIRS.split()[::2], _PAIRS.split()[1::2], strict=True))


# The alphabet and length of BCP 47 tags (RFC 5646, 2.1 and 4.4.1), and ``_``, which locales have in place of ``-``.
_LABEL = re.compile(r"[a-z0-9][a-z0-9_-]{0,34}")


def code(lang: str) -> str:
    """The shortest code of a language in lower case: ``ENG`` -> ``en``; ``pcm``, which has no shorter one, stays.

    Whatever has not the form of a code (markup, formulas, sentences) becomes ``""``, unknown: codes go into
    charts and prose.
    """
    lang = lang.strip().lower()
    return _SHORTER.get(lang, lang) if _LABEL.fullmatch(lang) else ""
