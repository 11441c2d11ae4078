"""The base class of the bodies of error responses."""

from pydantic import StrictStr

from cashfree_pg.models._model import Model


class ErrorModel(Model):
    """The reason of an error. Decode it from an exception: `ApiError404.from_json(error.body)`."""

    message: StrictStr | None = None
    code: StrictStr | None = None
    type: StrictStr | None = None
    help: StrictStr | None = None
