"""The template puts `[CLS]` and `[SEP]` where the page says."""

from distilbert.tokenization import template


def test_a_single_text_gets_two_special_tokens():
    assert template.fill([7, 8], None, cls_id=1, sep_id=2) == [1, 7, 8, 2]
    assert template.type_ids(2, None) == [0, 0, 0, 0]
    assert template.special_tokens_mask(2, None) == [1, 0, 0, 1]
    assert template.n_special(pair=False) == 2


def test_a_pair_gets_three_special_tokens():
    assert template.fill([7], [8, 9], cls_id=1, sep_id=2) == [1, 7, 2, 8, 9, 2]
    assert template.type_ids(1, 2) == [0, 0, 0, 1, 1, 1]
    assert template.special_tokens_mask(1, 2) == [1, 0, 1, 0, 0, 1]
    assert template.n_special(pair=True) == 3


def test_an_empty_second_text_still_gets_its_end_mark():
    assert template.fill([7], [], cls_id=1, sep_id=2) == [1, 7, 2, 2]
