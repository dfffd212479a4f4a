"""The NumPy BERT agrees with a BERT, masks, segments and all."""

from __future__ import annotations

import numpy as np
import torch
from transformers import BertConfig, BertModel

from distilbert.checkpoint.bert_forward import bert_last_hidden_state


def test_hidden_states_equal_those_of_the_peer():
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=99,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=16,
    )
    model = BertModel(config).eval()
    for parameter in model.parameters():  # away from zero biases and unit scales
        torch.nn.init.normal_(parameter, 0.1, 0.3)
    ids = torch.randint(0, 99, (3, 9))
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    for segment in (0, 1):
        with torch.no_grad():
            expected = model(ids, mask, token_type_ids=torch.full_like(ids, segment))[0]
        got = bert_last_hidden_state(
            {name: value.numpy() for name, value in model.state_dict().items()},
            ids.numpy(),
            mask.numpy(),
            n_layers=2,
            n_heads=4,
            segment=segment,
        )
        np.testing.assert_allclose(got, expected.numpy(), atol=2e-5)
