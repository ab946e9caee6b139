"""Distillation: a small student learns from a large teacher's stored outputs.

Losses on plain tensors, one idea a file: :mod:`soft_targets` (Hinton, DistilBERT, TinyBERT's prediction),
:mod:`hidden` (DistilBERT, TinyBERT, Patient KD), :mod:`attention` (TinyBERT), :mod:`relations` (MiniLM). Which layers
meet: :mod:`layer_maps`. The rest makes a student: :mod:`vocabulary`, :mod:`teacher`, :mod:`inputs`, :mod:`recording`,
:mod:`methods`, :mod:`students`, :mod:`objectives`, :mod:`train`; :mod:`fleet` makes many of one teacher.
:mod:`yardstick` measures the teacher as its students are measured.
"""
