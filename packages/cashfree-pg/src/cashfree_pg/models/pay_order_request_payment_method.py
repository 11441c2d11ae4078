"""The method of a payment that is started."""

from cashfree_pg.models._one_of import OneOf
from cashfree_pg.models.card_payment_method import CardPaymentMethod


class PayOrderRequestPaymentMethod(OneOf):
    """A card, or a dictionary with another method of Cashfree."""

    _card = CardPaymentMethod
