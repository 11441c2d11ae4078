"""A network token with a cryptogram."""

from collections.abc import Iterator
from typing import Any, NoReturn

from pydantic import StrictStr

from cashfree_pg.models._model import Model


class CryptogramEntity(Model):
    """A network token with one single-use cryptogram for it. `card_number` is the token, never the card.

    Its `repr` shows only the instrument's id; `to_str`, `to_dict` and `to_json` show everything.
    """

    instrument_id: StrictStr | None = None
    token_requestor_id: StrictStr | None = None
    card_number: StrictStr | None = None
    card_expiry_mm: StrictStr | None = None
    card_expiry_yy: StrictStr | None = None
    cryptogram: StrictStr | None = None
    card_display: StrictStr | None = None

    def __reduce__(self) -> NoReturn:
        """Prevent pickling: a pickle could end up in a file or a queue."""
        raise TypeError("a cryptogram cannot be pickled: fetch it where it is used")

    def __repr_args__(self) -> Iterator[tuple[str, Any]]:
        """Show only the instrument's id: the other fields could be used for a payment."""
        yield "instrument_id", self.instrument_id
