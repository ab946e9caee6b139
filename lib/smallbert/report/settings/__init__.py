"""The parameters of every notebook: one typed model each, one file a page or two."""

from smallbert.report.settings.albert import Albert
from smallbert.report.settings.autoencoders import AutoencoderDepth, LayerSchedules
from smallbert.report.settings.base import Parameters
from smallbert.report.settings.distillation import Distillation
from smallbert.report.settings.embeddings import CorpusAndEmbeddings
from smallbert.report.settings.frontier import Frontier
from smallbert.report.settings.knowledge import Knowledge
from smallbert.report.settings.scale import Scale
from smallbert.report.settings.transfer import Transfer

MODELS: dict[str, type[Parameters]] = {
    "01_corpus_and_embeddings": CorpusAndEmbeddings,
    "02_autoencoder_depth": AutoencoderDepth,
    "03_layer_schedules": LayerSchedules,
    "04_albert": Albert,
    "05_distillation": Distillation,
    "06_transfer": Transfer,
    "07_knowledge": Knowledge,
    "08_frontier": Frontier,
    "09_scale": Scale,
}
"""By the notebook's stem, in the report's order."""

__all__ = [
    "MODELS",
    "Albert",
    "AutoencoderDepth",
    "CorpusAndEmbeddings",
    "Distillation",
    "Frontier",
    "Knowledge",
    "LayerSchedules",
    "Parameters",
    "Scale",
    "Transfer",
]
