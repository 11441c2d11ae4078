"""The result of a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class ApiResponse(Generic[T]):
    """A successful response, with its model in `data`. Its `repr` does not show `raw_data`."""

    status_code: int
    headers: Mapping[str, str]
    data: T
    raw_data: Any

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
        self.raw_data = raw_data

    def __repr__(self) -> str:
        return f"<ApiResponse {self.status_code} {self.data!r}>"
