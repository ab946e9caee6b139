"""The five tasks BERT is fine-tuned for, on any encoder of its family (Devlin et al. 2019, section 4).

The models are those of ``transformers``; what is ours is how inputs are read (windows, words, candidates), batches
without padding, and what becomes of the outputs. Start at :func:`smallbert.models.heads.fleet.finetune_all`.
"""
