"""One code a language: corpora that write ``eng`` and corpora that write ``en`` are counted together."""

from __future__ import annotations

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


def code(lang: str) -> str:
    """The shortest code of a language: ``eng`` -> ``en``; ``pcm``, which has no shorter one, stays."""
    lang = lang.strip()
    return _SHORTER.get(lang.lower(), lang)
