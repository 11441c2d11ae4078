"""The bodies of the Token Vault API, of orders and of refunds, by the names of the official package."""

from cashfree_pg.models import _payments
from cashfree_pg.models._payments import *  # noqa: F403  # a generated list of models
from cashfree_pg.models.api_error import ApiError
from cashfree_pg.models.api_error404 import ApiError404
from cashfree_pg.models.api_error409 import ApiError409
from cashfree_pg.models.api_error502 import ApiError502
from cashfree_pg.models.authentication_error import AuthenticationError
from cashfree_pg.models.bad_request_error import BadRequestError
from cashfree_pg.models.cryptogram_entity import CryptogramEntity
from cashfree_pg.models.deleted_instrument_entity import DeletedInstrumentEntity
from cashfree_pg.models.idempotency_error import IdempotencyError
from cashfree_pg.models.instrument_entity import InstrumentEntity
from cashfree_pg.models.instrument_entity_for_all_saved_card import InstrumentEntityForAllSavedCard
from cashfree_pg.models.instrument_webhook import InstrumentWebhook
from cashfree_pg.models.instrument_webhook_data import InstrumentWebhookData
from cashfree_pg.models.instrument_webhook_data_entity import InstrumentWebhookDataEntity
from cashfree_pg.models.rate_limit_error import RateLimitError
from cashfree_pg.models.saved_instrument_meta import SavedInstrumentMeta
from cashfree_pg.models.saved_instrument_meta_card_token_details import SavedInstrumentMetaCardTokenDetails

__all__ = [
    "ApiError",
    "ApiError404",
    "ApiError409",
    "ApiError502",
    "AuthenticationError",
    "BadRequestError",
    "CryptogramEntity",
    "DeletedInstrumentEntity",
    "IdempotencyError",
    "InstrumentEntity",
    "InstrumentEntityForAllSavedCard",
    "InstrumentWebhook",
    "InstrumentWebhookData",
    "InstrumentWebhookDataEntity",
    "RateLimitError",
    "SavedInstrumentMeta",
    "SavedInstrumentMetaCardTokenDetails",
]
__all__ += _payments.__all__
