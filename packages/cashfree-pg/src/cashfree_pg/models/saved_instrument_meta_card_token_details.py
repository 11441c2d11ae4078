"""The public details of a network token."""

from __future__ import annotations

import json
import pprint
from typing import Any, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


class SavedInstrumentMetaCardTokenDetails(dict[str, Any]):
    """The PAR of a card and the expiry of its *token*: a dictionary as in 4.x and 5.x, with the attributes of 6.x."""

    def __init__(self, *fields: Any, **named: Any) -> None:  # noqa: ANN401  # the signature of dict
        super().__init__(*fields, **named)

    @property
    def par(self) -> str | None:
        """The payment account reference: one for all tokens of a card."""
        return self.get("par")

    @property
    def expiry_month(self) -> str | None:
        """The month in which the token expires."""
        return self.get("expiry_month")

    @property
    def expiry_year(self) -> str | None:
        """The year in which the token expires."""
        return self.get("expiry_year")

    def to_str(self) -> str:
        """Return all fields, formatted for reading."""
        return pprint.pformat(dict(self))

    def to_json(self) -> str:
        """Return the fields that are not None, as JSON."""
        return json.dumps(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that are not None."""
        return {name: value for name, value in self.items() if value is not None}

    @classmethod
    def from_json(cls, json_str: str) -> Self | None:
        """Create the details from JSON. Return None for `null`."""
        return cls.from_dict(json.loads(json_str))

    @classmethod
    def from_dict(cls, obj: dict[str, Any] | None) -> Self | None:
        """Create the details from a dictionary. Return None for None."""
        return None if obj is None else cls(obj)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        return core_schema.no_info_after_validator_function(
            cls,
            core_schema.dict_schema(core_schema.str_schema(), core_schema.any_schema()),
            serialization=core_schema.plain_serializer_function_ser_schema(cls.to_dict),
        )
