"""The method of a payment."""

from cashfree_pg.models._one_of import OneOf
from cashfree_pg.models.payment_method_card_in_payments_entity import PaymentMethodCardInPaymentsEntity


class PaymentEntityPaymentMethod(OneOf):
    """A card, or a dictionary with another method of Cashfree."""

    _card = PaymentMethodCardInPaymentsEntity
