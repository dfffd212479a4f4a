"""The template puts `[CLS]` and `[SEP]` where the page says."""

from distilbert.tokenization.template import Template

TEMPLATE = Template([1], [2])


def test_a_single_text_gets_two_special_tokens():
    assert TEMPLATE.fill([7, 8], None) == [1, 7, 8, 2]
    assert TEMPLATE.type_ids(2, None) == [0, 0, 0, 0]
    assert TEMPLATE.special_tokens_mask(2, None) == [1, 0, 0, 1]
    assert TEMPLATE.n_special(pair=False) == 2


def test_a_pair_gets_three_special_tokens():
    assert TEMPLATE.fill([7], [8, 9]) == [1, 7, 2, 8, 9, 2]
    assert TEMPLATE.type_ids(1, 2) == [0, 0, 0, 1, 1, 1]
    assert TEMPLATE.special_tokens_mask(1, 2) == [1, 0, 1, 0, 0, 1]
    assert TEMPLATE.n_special(pair=True) == 3


def test_an_empty_second_text_still_gets_its_end_mark():
    assert TEMPLATE.fill([7], []) == [1, 7, 2, 2]


def test_a_special_token_that_is_not_set_is_left_out():
    template = Template.of(1, None)
    assert template.fill([7], [8]) == [1, 7, 8]
    assert template.type_ids(1, 1) == [0, 0, 1]
    assert template.n_special(pair=True) == 1
    assert Template().fill([7], [8]) == [7, 8]


def test_a_column_has_one_value_at_special_tokens():
    assert TEMPLATE.with_value(None).fill([0], [1]) == [None, 0, None, 1, None]
