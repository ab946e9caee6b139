"""How verdicts of pairs are said in Korean, as in :mod:`smallbert.report.front.phrases`."""

from __future__ import annotations

from smallbert.report.front.tally import Tally


def told(tally: Tally, *, alone: bool = False) -> str:
    """``2건 중 1건은 더 좋았고, 1건은 동등했습니다``, ``5건 모두 더 나빴습니다``; ``alone``: ``더 좋았습니다``."""
    words = {
        "더 좋았": tally.better,
        "더 나빴": tally.worse,
        "동등했": tally.equivalent,
        "차이가 드러나지 않았": tally.open,
        "견줄 수 없었": tally.failed,
        "보정한 뒤에는 가릴 수 없었": tally.uncorrected,
    }
    some = [(word, count) for word, count in words.items() if count]
    if not some:
        return "견준 것이 없습니다"
    if alone:
        return f"{some[0][0]}습니다"
    if len(some) == 1 < tally.total:
        return f"{'둘 다' if tally.total == 2 else f'{tally.total:,}건 모두'} {some[0][0]}습니다"
    clauses = [f"{count:,}건은 {word}고" for word, count in some[:-1]] + [f"{some[-1][1]:,}건은 {some[-1][0]}습니다"]
    return f"{tally.total:,}건 중 {', '.join(clauses)}"
