"""Names that the report generates, in Korean: encoders, forms, codes, measures, tasks and costs.

What is not known here, such as the name of somebody's own corpus, stays as it is.
"""

from __future__ import annotations

import re

_PARTS = {
    # encoders and their forms
    "whole encoder": "전체 인코더",
    "vocabulary trimmed": "솎아 낸 어휘",
    "trimmed": "솎아 낸 어휘",
    "trim": "솎아 낸 어휘",
    "word table truncated": "잘라 낸 단어표",
    "truncate the word table": "잘라 낸 단어표",
    "truncate": "잘라 낸 단어표",
    "vector narrowed": "좁힌 벡터",
    "drop layers": "층 덜어 내기",
    "nothing shared": "공유 없음",
    "all shared": "모두 공유",
    "attention shared": "어텐션 공유",
    "feed-forward shared": "피드포워드 공유",
    "student": "학생",
    "student alone": "혼자 배운 학생",
    "the teacher": "교사",
    "fresh weights": "무작위 가중치",
    # codes of an index
    "whole vector": "전체 벡터",
    "whole embedding": "전체 벡터",
    "product": "곱 양자화",
    "binary": "이진",
    "rescored": "다시 매김",
    "whitening": "백색화",
    "truncation": "절단",
    "least squares": "최소제곱",
    "random projection": "무작위 사영",
    "gaussian": "가우스",
    "autoencoder": "오토인코더",
    "Matryoshka head": "마트료시카 헤드",
    "k-sparse": "k-희소",
    # decoders
    "tanh on the output": "출력에 tanh",
    "two-layer decoder": "두 층 디코더",
    "mirrored decoder": "거울상 디코더",
    "mirrored": "거울상 디코더",
    "residual": "잔차 연결",
    # measures and tasks
    "neighbours": "이웃",
    "neighbours kept": "이웃 보존율",
    "neighbour overlap@10": "이웃 보존율@10",
    "topic accuracy": "주제 정확도",
    "topic accuracy kept": "주제 정확도",
    "language accuracy": "언어 정확도",
    "language accuracy kept": "언어 정확도",
    "task scores": "과제 점수",
    "task scores kept": "과제 점수",
    "title finds its article": "제목으로 글 찾기",
    "article finds its translations": "글로 번역 찾기",
    "frozen": "동결",
    "fine-tuned": "미세조정",
    "topic of a sentence": "문장의 주제",
    "names in a sentence": "문장 속 이름",
    "parts of speech": "품사",
    "names": "이름",
    "questions": "질문",
    "all answerable": "모두 답이 있음",
    "some unanswerable": "일부는 답이 없음",
    "half unanswerable": "절반은 답이 없음",
    "film reviews": "영화평",
    "similarity": "유사도",
    "entailment": "함의",
    "what follows": "이어질 문장",
    "masked words": "가린 낱말",
    "against the teacher": "교사와 견주어",
    "against nothing shared": "공유 없음과 견주어",
    # machines
    "one CPU": "CPU 하나",
    "one GPU": "GPU 하나",
    # ways of teaching
    "sentence embeddings": "문장 임베딩",
    "general": "일반",
    "with masked words": "가린 낱말과 함께",
}
"""Parts of a name between commas."""

_PATTERNS = (
    (r"(int8|int4) weights", r"\1 가중치"),
    (r"(fp16|bf16|int8) products", r"\1 행렬곱"),
    (r"coverage ([\d.]+)", r"포함률 \1"),
    (r"width (\d+)", r"너비 \1"),
    (r"(\d+) layers?", r"\1층"),
    (r"(\d+) of (\d+) kept", r"\2층 중 \1층 남김"),
    (r"rank (\d+)", r"계수 \1"),
    (r"([\d,]+) bytes", r"\1바이트"),
    (r"(\d+) bits", r"\1비트"),
    (r"neighbours kept among ([\d,]+) articles", r"이웃 보존율(글 \1건 중)"),
    (r"neighbour overlap@10 among ([\d,]+) articles", r"이웃 보존율@10(글 \1건 중)"),
    (r"student distilled \((\w+)\)", r"증류한 학생(\1)"),
)
"""Parts that have a number or a name in them."""

_COSTS = {
    "MB of weights": r"가중치 \1 MB",
    "bytes a vector": r"벡터당 \1바이트",
    "of the reference's time": r"기준 시간의 \1",
    "of fp32's time for one text read alone": r"글 하나를 따로 읽을 때 fp32 시간의 \1",
    "of the whole encoder's time for one text read alone": r"글 하나를 따로 읽을 때 전체 인코더 시간의 \1",
}

_UNITS = {"s": "초", "min": "분", "h": "시간", "days": "일", "years": "년"}

_WORLD = "the generated world"
_PRETRAINED = re.compile(r"a small multilingual BERT pretrained here \((\d+) layers?, width (\d+)\)")


def name(text: str) -> str:
    """``whole encoder, int8 weights`` as ``전체 인코더, int8 가중치``; of several names parted by semicolons, each."""
    return "; ".join(", ".join(_part(part) for part in one.split(", ")) for one in text.split("; "))


def source(text: str) -> str:
    """The name of a corpus or of an encoder: in Korean where it was generated here, else as its owner calls it."""
    if found := _PRETRAINED.fullmatch(text):
        return f"여기서 사전학습한 작은 다국어 BERT({found[1]}층, 너비 {found[2]})"
    return "생성한 세계" if text == _WORLD else text


def _part(text: str) -> str:
    if text in _PARTS:
        return _PARTS[text]
    for pattern, words in _PATTERNS:
        if re.fullmatch(pattern, text):
            return re.sub(pattern, words, text)
    return text


def cost(text: str) -> str:
    """A cost of :class:`smallbert.report.front.answers.Need`: ``32 bytes a vector`` as ``벡터당 32바이트``."""
    for told, words in _COSTS.items():
        text = re.sub(rf"([\d.,%]+) {told}", words, text)
    return re.sub(r"\((\S+) for many\)", r"(여럿을 함께 읽으면 \1)", text)


def duration(text: str) -> str:
    """A time of :class:`smallbert.report.front.planned.Plan`: ``3.1 days`` as ``3.1일``."""
    number, _, unit = text.rpartition(" ")
    return f"{number}{_UNITS[unit]}" if unit in _UNITS else text
