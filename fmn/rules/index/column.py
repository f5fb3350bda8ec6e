"""A column that grows: numbers of one size, or rows of them, one after the other."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

ROOM = 64
"""Numbers there is room for at the start."""


class Column:
    """Numbers that are appended to, and may be changed in place.

    Room is doubled when it is full; what is not used yet takes no memory.
    """

    def __init__(self, dtype: DTypeLike, *row: int) -> None:
        """Take what one number is, and how many are in a row, where it has rows."""
        self._array: NDArray[Any] = np.empty((ROOM, *row), dtype)
        self._length = 0

    def __len__(self) -> int:
        """Return how many there are."""
        return self._length

    def __getitem__(self, places: Any) -> Any:  # noqa: ANN401  # as of an array
        """Return what stands at these places."""
        return self._array[places]

    def __setitem__(self, place: int, value: int) -> None:
        """Change one."""
        self._array[place] = value

    @property
    def all(self) -> NDArray[Any]:
        """All of them, without a copy."""
        return self._array[: self._length]

    def append(self, value: int | Sequence[int]) -> None:
        """Append one, or one row."""
        if self._length == len(self._array):
            self._grow(self._length + 1)
        self._array[self._length] = value
        self._length += 1

    def extend(self, values: Any, many: int) -> None:  # noqa: ANN401  # an array, a list or one
        """Append so many; one value is repeated."""
        end = self._length + many
        if end > len(self._array):
            self._grow(end)
        self._array[self._length : end] = values
        self._length = end

    def _grow(self, least: int) -> None:
        many = max(least + least // 8, 2 * len(self._array))
        grown = np.empty((many, *self._array.shape[1:]), self._array.dtype)
        grown[: self._length] = self.all
        self._array = grown
