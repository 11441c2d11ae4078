"""What the bodies of refusals have in common."""

from pydantic import StrictStr

from cashfree_pg.models._model import Model


class ErrorModel(Model):
    """Why a call was refused: read it from an exception, as in `ApiError404.from_json(error.body)`."""

    message: StrictStr | None = None
    code: StrictStr | None = None
    type: StrictStr | None = None
    help: StrictStr | None = None
