"""The base class of all models: the methods of the official models, on pydantic 2."""

from __future__ import annotations

import json
import pprint
from collections.abc import Mapping
from typing import Any, ClassVar, Self, overload

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A body of the API. No field is required, and unknown fields are dropped."""

    model_config: ClassVar[ConfigDict] = ConfigDict(populate_by_name=True, validate_assignment=True)

    def to_str(self) -> str:
        """Return all fields, formatted for reading."""
        return pprint.pformat(self.model_dump(by_alias=True))

    def to_json(self) -> str:
        """Return the fields that are not None, as JSON."""
        return json.dumps(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that are not None."""
        return self.model_dump(by_alias=True, exclude_none=True)

    @classmethod
    def from_json(cls, json_str: str) -> Self | None:
        """Create a model from JSON. Return None for `null`."""
        loaded: dict[str, Any] | None = json.loads(json_str)
        return cls.from_dict(loaded)

    @classmethod
    def from_json_for_one_of(cls, json_str: str) -> Self | None:
        """Create a model from JSON that has any of its fields. Return None for other JSON."""
        loaded: Any = json.loads(json_str)
        return cls.from_dict(loaded) if cls.model_fields.keys() & loaded else None

    @overload
    @classmethod
    def from_dict(cls, obj: Mapping[str, Any]) -> Self: ...

    @overload
    @classmethod
    def from_dict(cls, obj: Mapping[str, Any] | None) -> Self | None: ...

    @classmethod
    def from_dict(cls, obj: Mapping[str, Any] | None) -> Self | None:
        """Create a model from a dictionary. Return None for None.

        Raises:
            ValidationError: A field has the wrong type.
        """
        return None if obj is None else cls.model_validate(obj)
