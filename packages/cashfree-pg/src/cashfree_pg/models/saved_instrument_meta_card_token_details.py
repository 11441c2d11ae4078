"""The public details of a network token."""

from __future__ import annotations

import builtins
import json
import pprint
from collections.abc import Mapping
from typing import Any, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


class SavedInstrumentMetaCardTokenDetails(dict[str, Any]):
    """The PAR of a card and the expiry of its *token*: a dictionary as in 4.x and 5.x, with the attributes of 6.x."""

    def __init__(
        self,
        fields: Mapping[str, Any] | None = None,
        *,
        par: str | None = None,
        expiry_month: str | None = None,
        expiry_year: str | None = None,
        **others: Any,  # noqa: ANN401  # the signature of dict
    ) -> None:
        named = {"par": par, "expiry_month": expiry_month, "expiry_year": expiry_year}
        super().__init__(fields or {}, **{name: value for name, value in named.items() if value is not None}, **others)

    @property
    def par(self) -> str | None:
        """The payment account reference: one for all tokens of a card."""
        return self._text("par")

    @par.setter
    def par(self, value: str | None) -> None:
        self["par"] = value

    @property
    def expiry_month(self) -> str | None:
        """The month in which the token expires."""
        return self._text("expiry_month")

    @expiry_month.setter
    def expiry_month(self, value: str | None) -> None:
        self["expiry_month"] = value

    @property
    def expiry_year(self) -> str | None:
        """The year in which the token expires."""
        return self._text("expiry_year")

    @expiry_year.setter
    def expiry_year(self, value: str | None) -> None:
        self["expiry_year"] = value

    def _text(self, name: str) -> str | None:
        value = self.get(name)
        return value if isinstance(value, str) else None

    def model_dump(self, *, exclude_none: bool = False, **_options: Any) -> builtins.dict[str, Any]:  # noqa: ANN401  # pydantic's
        """Return all fields, as the method of a pydantic model."""
        return {name: value for name, value in self.items() if value is not None or not exclude_none}

    def model_dump_json(self, *, exclude_none: bool = False, **_options: Any) -> str:  # noqa: ANN401
        """Return all fields as JSON, as the method of a pydantic model."""
        return json.dumps(self.model_dump(exclude_none=exclude_none))

    def dict(self, **options: Any) -> builtins.dict[str, Any]:  # noqa: ANN401
        """Return all fields, as the method of older pydantic models."""
        return self.model_dump(**options)

    def json(self, **options: Any) -> str:  # noqa: ANN401
        """Return all fields as JSON, as the method of older pydantic models."""
        return self.model_dump_json(**options)

    def to_str(self) -> str:
        """Return all fields, formatted for reading."""
        return pprint.pformat(self.model_dump())

    def to_json(self) -> str:
        """Return the fields that are not None, as JSON."""
        return json.dumps(self.to_dict())

    def to_dict(self) -> builtins.dict[str, Any]:
        """Return the fields that are not None."""
        return {name: value for name, value in self.items() if value is not None}

    @classmethod
    def from_json(cls, json_str: str) -> Self | None:
        """Create the details from JSON. Return None for `null`."""
        return cls.from_dict(json.loads(json_str))

    @classmethod
    def from_dict(cls, obj: builtins.dict[str, Any] | None) -> Self | None:
        """Create the details from a dictionary. Return None for None."""
        return None if obj is None else cls(obj)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        return core_schema.no_info_after_validator_function(
            cls,
            core_schema.dict_schema(core_schema.str_schema(), core_schema.any_schema()),
            serialization=core_schema.plain_serializer_function_ser_schema(_serialized, info_arg=True),
        )


def _serialized(
    details: SavedInstrumentMetaCardTokenDetails, info: core_schema.SerializationInfo
) -> builtins.dict[str, Any]:
    return details.model_dump(exclude_none=info.exclude_none)
