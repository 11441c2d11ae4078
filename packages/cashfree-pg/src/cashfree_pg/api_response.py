"""The result of a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from cashfree_pg.models.cryptogram_entity import CryptogramEntity
from tokenvault_client.integration import Secret

T = TypeVar("T")


class ApiResponse(Generic[T]):
    """A successful response, with its model in `data`. Its `repr` does not show `raw_data`."""

    status_code: int
    headers: Mapping[str, str]
    data: T

    def __init__(
        self,
        status_code: Any = None,  # noqa: ANN401  # tests of users create responses with few arguments
        headers: Any = None,  # noqa: ANN401
        data: Any = None,  # noqa: ANN401
        raw_data: Any = None,  # noqa: ANN401
    ) -> None:
        self.status_code = status_code
        self.headers = headers
        self.data = data
        self._raw_data: Secret[Any] = Secret(raw_data)

    @property
    def raw_data(self) -> Any:  # noqa: ANN401  # text, or bytes without preload
        """The body. It may contain a cryptogram."""
        return self._raw_data.reveal()

    @raw_data.setter
    def raw_data(self, value: Any) -> None:  # noqa: ANN401
        self._raw_data = Secret(value)

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        """Allow pickling, except of a cryptogram: a pickle could end up in a file or a queue."""
        if self.data is None or isinstance(self.data, CryptogramEntity):
            raise TypeError("a response that may contain a cryptogram cannot be pickled or copied")
        return type(self), (self.status_code, self.headers, self.data, self.raw_data)

    def __repr__(self) -> str:
        return f"<ApiResponse {self.status_code} {self.data!r}>"
