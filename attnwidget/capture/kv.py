"""A key-value cache of a known length: what a model reads of it is also what gets recorded, held once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from attnwidget.capture import memory


class RoomyLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """A layer's cache that is written in place instead of being copied with every chunk.

    Parameters
    ----------
    length : int
        Positions in all.
    """

    def __init__(self, length: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._length = length
        self._used = 0
        self._rooms: tuple[Tensor, Tensor] | None = None

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Add the keys and values of a chunk; returns views of all so far."""
        if self._rooms is None:
            self.lazy_initialization(key_states, value_states)
            self._rooms = self._room(key_states), self._room(value_states)
        begin, self._used = self._used, self._used + key_states.shape[-2]
        for room, new in zip(self._rooms, (key_states, value_states), strict=True):
            room[:, :, begin : self._used] = new
        self.keys, self.values = (room[:, :, : self._used] for room in self._rooms)
        return self.keys, self.values

    def holds(self, key: Tensor) -> Tensor | None:
        """Return the room [kv_heads, length, d] that keys [1, kv_heads, n, d] are a view of; None if not."""
        if self._rooms is None:
            return None
        room = self._rooms[0]
        same = (
            key.data_ptr() == room.data_ptr()
            and key.stride() == room.stride()
            and key.dtype == room.dtype
            and (key.shape[0], key.shape[1], key.shape[3]) == (1, room.shape[1], room.shape[3])
        )
        return room[0] if same else None

    def _room(self, new: Tensor) -> Tensor:
        batch, heads, _, size = new.shape
        return memory.own_pages((batch, heads, self._length, size), new.dtype, new.device)


def roomy(example: Any, length: int) -> DynamicCache | None:
    """Make a cache like one that the model made.

    Parameters
    ----------
    example : object
        What the model returned as `past_key_values`.
    length : int
        Positions that it will hold.

    Returns
    -------
    DynamicCache or None
        Layers with a sliding window stay transformers' own. None for a cache of any other kind.
    """
    if type(example) is not DynamicCache or example.offloading:
        return None
    layers: list[Any] = []
    for layer in example.layers:
        if type(layer) is DynamicLayer:
            layers.append(RoomyLayer(length))
        elif type(layer) is DynamicSlidingWindowLayer:
            layers.append(DynamicSlidingWindowLayer(layer.sliding_window))
        else:
            return None
    made = DynamicCache()
    made.layers, made.layer_class_to_replicate = layers, None
    return made


def shared_room(layers: Sequence[Any], key: Tensor) -> Tensor | None:
    """Return the room of a cache's layer that keys are a view of: [kv_heads, length, d]; None if none."""
    key = key.detach()
    for layer in layers:
        room = layer.holds(key) if isinstance(layer, RoomyLayer) else None
        if room is not None:
            return room
    return None
