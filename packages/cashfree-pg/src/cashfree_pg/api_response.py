"""What a call gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class ApiResponse(Generic[T]):
    """A success: what was asked for in `data`, and what came with it. Printed, it does not show `raw_data`."""

    status_code: int
    headers: Mapping[str, str]
    data: T
    raw_data: Any

    def __init__(
        self,
        status_code: Any = None,  # noqa: ANN401  # whoever makes one by hand, in a test perhaps, may leave things out
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
