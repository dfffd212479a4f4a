"""What models return: one ordered mapping per head, readable by key, attribute and position.

Plain Python on purpose: the arrays inside may belong to any framework. Each framework package
registers these classes with the framework's tree utilities.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, NoReturn, dataclass_transform


def _holds_fields(value: Any) -> bool:
    """Whether `value` is a mapping, or pairs of a name and a value."""
    return isinstance(value, (Mapping, Iterator)) or (
        isinstance(value, list)
        and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value)
        and all(isinstance(name, str) for name, _ in value)
    )


@dataclass_transform(eq_default=False)
class ModelOutput(dict[str, Any]):
    """A mapping of the fields that are not None, in their declared order.

    A subclass declares its fields as annotations. `out.logits`, `out["logits"]` and `out[0]` read
    the same value; a field that is None has no key and no position, and its attribute is None.
    The dict is the only storage, so the three views always agree. Fields can be replaced but not
    deleted, as on the reference page.
    """

    field_names: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.field_names = tuple(inspect.get_annotations(cls)) or cls.field_names
        # "= None" is for readers and type checkers; as a class attribute it would hide the stored
        # value from `out.name`.
        for name in cls.field_names:
            if name in cls.__dict__:
                delattr(cls, name)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        names = type(self).field_names
        if len(args) == 1 and not kwargs and _holds_fields(args[0]):
            # `type(out)({...})`, or pairs in place of the dict, is how tree utilities of other
            # libraries rebuild a mapping.
            args, kwargs = (), dict(args[0])
        if len(args) > len(names):
            raise TypeError(
                f"`{type(self).__name__}` has {len(names)} fields: got {len(args)} values."
            )
        for name, value in zip(names, args, strict=False):
            if name in kwargs:
                raise TypeError(f"`{type(self).__name__}` got two values for `{name}`.")
            kwargs[name] = value
        for name in names:
            value = kwargs.pop(name, None)
            if value is not None:
                dict.__setitem__(self, name, value)
        if kwargs:
            raise TypeError(f"`{type(self).__name__}` has no field `{next(iter(kwargs))}`.")

    def __getattr__(self, name: str) -> Any:  # only reached when no real attribute exists
        if name in type(self).field_names:
            return dict.get(self, name)
        raise AttributeError(f"`{type(self).__name__}` has no attribute `{name}`.")

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return dict.__getitem__(self, key)
        return self.to_tuple()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        names = type(self).field_names
        if key not in names:
            raise KeyError(f"`{type(self).__name__}` has no field `{key}`.")
        if value is None:
            dict.pop(self, key, None)
        elif key in self:
            dict.__setitem__(self, key, value)
        else:  # keep the declared order
            fields = {**self, key: value}
            dict.clear(self)
            dict.update(self, {name: fields[name] for name in names if name in fields})

    def to_tuple(self) -> tuple[Any, ...]:
        """The fields that are not None, in order."""
        return tuple(self.values())

    def __iter__(self) -> Iterator[str]:
        return dict.__iter__(self)

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={getattr(self, name)!r}" for name in type(self).field_names)
        return f"{type(self).__name__}({inside})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError(f"A `{type(self).__name__}` does not allow fields to be removed.")

    __delitem__ = _refuse
    pop = _refuse
    popitem = _refuse
    update = _refuse  # pyright: ignore[reportAssignmentType]
    setdefault = _refuse  # pyright: ignore[reportAssignmentType]
    clear = _refuse


class BaseModelOutput(ModelOutput):
    """`last_hidden_state` (B, S, D); L+1 `hidden_states` (B, S, D); L `attentions` (B, H, S, S)."""

    last_hidden_state: Any = None
    hidden_states: Any = None
    attentions: Any = None


class _LossAndLogits(ModelOutput):
    loss: Any = None
    logits: Any = None
    hidden_states: Any = None
    attentions: Any = None


class MaskedLMOutput(_LossAndLogits):
    """`logits` (B, S, V)."""


class SequenceClassifierOutput(_LossAndLogits):
    """`logits` (B, N)."""


class MultipleChoiceModelOutput(_LossAndLogits):
    """`logits` (B, C); hidden states and attentions keep the flattened batch B*C."""


class TokenClassifierOutput(_LossAndLogits):
    """`logits` (B, S, N)."""


class QuestionAnsweringModelOutput(ModelOutput):
    """`start_logits` and `end_logits` (B, S)."""

    loss: Any = None
    start_logits: Any = None
    end_logits: Any = None
    hidden_states: Any = None
    attentions: Any = None


# The reference page gives TensorFlow's and Flax's outputs other class names. Flax models take no
# labels, so their outputs have no loss.


class TFBaseModelOutput(BaseModelOutput):
    """The fields of `BaseModelOutput`."""


class TFMaskedLMOutput(MaskedLMOutput):
    """The fields of `MaskedLMOutput`."""


class TFSequenceClassifierOutput(SequenceClassifierOutput):
    """The fields of `SequenceClassifierOutput`."""


class TFMultipleChoiceModelOutput(MultipleChoiceModelOutput):
    """The fields of `MultipleChoiceModelOutput`."""


class TFTokenClassifierOutput(TokenClassifierOutput):
    """The fields of `TokenClassifierOutput`."""


class TFQuestionAnsweringModelOutput(QuestionAnsweringModelOutput):
    """The fields of `QuestionAnsweringModelOutput`."""


class FlaxBaseModelOutput(BaseModelOutput):
    """The fields of `BaseModelOutput`."""


class _Logits(ModelOutput):
    logits: Any = None
    hidden_states: Any = None
    attentions: Any = None


class FlaxMaskedLMOutput(_Logits):
    """The fields of `MaskedLMOutput` without the loss."""


class FlaxSequenceClassifierOutput(_Logits):
    """The fields of `SequenceClassifierOutput` without the loss."""


class FlaxMultipleChoiceModelOutput(_Logits):
    """The fields of `MultipleChoiceModelOutput` without the loss."""


class FlaxTokenClassifierOutput(_Logits):
    """The fields of `TokenClassifierOutput` without the loss."""


class FlaxQuestionAnsweringModelOutput(ModelOutput):
    """The fields of `QuestionAnsweringModelOutput` without the loss."""

    start_logits: Any = None
    end_logits: Any = None
    hidden_states: Any = None
    attentions: Any = None


def output_classes(prefix: str) -> tuple[type[ModelOutput], ...]:
    """The classes of one framework, whose names start with `prefix`; PyTorch's is empty."""
    names = ("BaseModel", "MaskedLM", "SequenceClassifier", "MultipleChoiceModel")
    names += ("TokenClassifier", "QuestionAnsweringModel")
    return tuple(globals()[f"{prefix}{name}Output"] for name in names)


def rebuild_output(
    output_class: type[ModelOutput], names: Iterable[str], values: Iterable[Any]
) -> ModelOutput:
    """An output from its fields; what tree utilities call after they took one apart."""
    return output_class(**dict(zip(names, values, strict=True)))
