"""The base class of models that wrap one of several others: a dictionary as in 4.x, with the attribute of 6.x."""

from __future__ import annotations

import json
import pprint
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from cashfree_pg.models._model import Model


class OneOf(dict[str, Any]):
    """The fields of the wrapped model. `actual_instance` is the model itself, if it is about a card."""

    _card: ClassVar[type[Model]]

    def __init__(
        self,
        instance: Model | Mapping[str, Any] | None = None,
        *,
        actual_instance: Model | Mapping[str, Any] | None = None,
        **fields: Any,  # noqa: ANN401  # the signature of dict
    ) -> None:
        given = instance if instance is not None else actual_instance
        super().__init__(given.to_dict() if isinstance(given, Model) else given or {}, **fields)

    @property
    def actual_instance(self) -> Any:  # noqa: ANN401  # one of several models
        """The wrapped model for a card, else the fields."""
        return self._card.model_validate(self) if "card" in self else dict(self)

    def __repr__(self) -> str:
        """Name the method only: its fields may be card data."""
        return f"{type(self).__name__}({', '.join(self)})"

    def to_str(self) -> str:
        """Return all fields, formatted for reading."""
        return pprint.pformat(dict(self))

    def to_json(self) -> str:
        """Return the fields as JSON."""
        return json.dumps(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields."""
        return dict(self)

    @classmethod
    def from_json(cls, json_str: str) -> Self | None:
        """Create the model from JSON. Return None for `null`."""
        return cls.from_dict(json.loads(json_str))

    @classmethod
    def from_dict(cls, obj: Mapping[str, Any] | None) -> Self | None:
        """Create the model from a dictionary. Return None for None."""
        return None if obj is None else cls(obj)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        return core_schema.no_info_after_validator_function(
            cls,
            core_schema.dict_schema(core_schema.str_schema(), core_schema.any_schema()),
            serialization=core_schema.plain_serializer_function_ser_schema(dict),
        )
