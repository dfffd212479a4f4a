"""Distillation: from a BERT to a smaller DistilBERT that predicts and encodes like it.

Assembled from the layers below: a corpus, a student, an objective, the training loop.
"""
