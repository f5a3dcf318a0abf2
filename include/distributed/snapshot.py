"""A copy of an engine's state in memory that is kept for it, so that training goes on while the copy is written."""

import io
import pickle
from pathlib import Path
from typing import Any


class Snapshot:
    """DeepSpeed's checkpoint engine, whose `save` copies and returns.

    Tensors go to buffers that the next save uses again: fresh memory would cost a page fault every 4 KB. Everything
    else is pickled at once, so that what training changes meanwhile does not show in the files.
    """

    name = "snapshot"

    def __init__(self) -> None:
        self._pickled: dict[str, bytes] = {}
        self._buffers: dict[str, list[Any]] = {}

    def save(self, state_dict: Any, path: str) -> None:
        """Copy `state_dict`; `write` makes the file."""
        import torch

        name, stream = Path(path).name, io.BytesIO()
        pickler = _Pickler(stream, self._buffers.setdefault(name, []))
        pickler.dump(state_dict)
        del pickler.buffers[len(pickler.numbers) :]
        if torch.cuda.is_available():
            torch.cuda.current_stream().synchronize()
        self._pickled[name] = stream.getvalue()

    def write(self, folder: Path) -> None:
        """Write the files of all saves since the last call; not while a save is under way."""
        import torch

        folder.mkdir(parents=True, exist_ok=True)
        for name, pickled in self._pickled.items():
            torch.save(_Unpickler(io.BytesIO(pickled), self._buffers[name]).load(), folder / name)
        self._pickled.clear()

    def load(self, path: str, map_location: Any = None) -> Any:
        """What `write` wrote."""
        import torch

        # the bytes are verified against the manifest, so unpickling them is as safe as the store
        return torch.load(path, map_location=map_location, weights_only=False)

    def create(self, info: Any) -> None:
        """DeepSpeed begins a checkpoint."""

    def commit(self, info: Any) -> bool:
        """DeepSpeed has saved all: what commits is the manifest, later."""
        return True

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """The folder that DeepSpeed wants: it copies its recovery scripts there."""
        Path(path).mkdir(parents=True, exist_ok=exist_ok)

    def is_data_parallel_writer(self, dp_rank: int) -> bool:
        """The first rank writes what all ranks have."""
        return dp_rank == 0

    def is_decoupled(self) -> bool:
        """DeepSpeed's own engines in other processes wait for each other inside its step; this one does not."""
        return False

    def preserves_storage_sharing(self) -> bool:
        """Views are copied by themselves, not with all that they are views of."""
        return False


class _Pickler(pickle.Pickler):
    """Pickles all but tensors, which it copies into `buffers` in the order of their appearance."""

    def __init__(self, stream: io.BytesIO, buffers: list[Any]) -> None:
        super().__init__(stream, pickle.HIGHEST_PROTOCOL)
        self.buffers, self.numbers = buffers, dict[Any, int]()

    def persistent_id(self, value: Any) -> int | None:
        import torch

        if not isinstance(value, torch.Tensor):
            return None
        # tied weights are one tensor under several names
        place = (value.data_ptr(), value.dtype, value.shape, value.stride(), value.device)
        if value.numel() and place in self.numbers:
            return self.numbers[place]
        number = len(self.numbers)
        self.numbers[place if value.numel() else number] = number
        self._copy(number, value.detach())
        return number

    def _copy(self, number: int, tensor: Any) -> None:
        import torch

        if number == len(self.buffers):
            self.buffers.append(None)
        buffer = self.buffers[number]
        if buffer is None or buffer.shape != tensor.shape or buffer.dtype != tensor.dtype:
            buffer = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=tensor.is_cuda)
            self.buffers[number] = buffer
        buffer.copy_(tensor, non_blocking=True)


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, buffers: list[Any]) -> None:
        super().__init__(stream)
        self.buffers = buffers

    def persistent_load(self, number: int) -> Any:
        return self.buffers[number]
