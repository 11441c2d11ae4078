"""Who may call; all other callers get one answer.

Neighbours: `test_authentication_signatures`, for `x-client-signature`, and `test_authentication_cache`.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.api.calls import Answer, Client, changed
from tests.support.builders import audit_entries
from tests.support.clock import SettableClock
from tokenvault_server.bootstrap import Api
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.vault.partners import NewPartner

REFUSED = {"message": "authentication Failed", "code": "request_failed", "type": "authentication_error"}
NOBODY: dict[str, Any] = {"x_client_id": None, "x_client_secret": None}


@pytest.fixture
async def partner(client: Client) -> NewPartner:
    added = await client.vault.partners.add("Platform", "tests")
    await client.vault.partners.link(added.partner_id, merchant_id(client), "tests")
    return added


def merchant_id(client: Client) -> MerchantId:
    return client.merchant.merchant.merchant_id


def is_refused(answer: Answer) -> bool:
    return (answer.status, answer.body) == (401, REFUSED)


async def test_a_merchant_signs_in_with_its_client_id_and_secret(client: Client) -> None:
    assert (await client.call()).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(NOBODY, id="no credentials"),
        pytest.param({"x_client_secret": None}, id="no secret"),
        pytest.param({"x_client_secret": ""}, id="an empty secret"),
        pytest.param({"x_client_secret": "tvsk_wrong"}, id="a wrong secret"),
        pytest.param({"x_client_secret": "\xff" * 40}, id="a secret beyond ASCII"),
        pytest.param({"x_client_id": None}, id="no client id"),
        pytest.param({"x_client_id": "CLIENT_nobody"}, id="an unknown client id"),
        pytest.param({"x_client_id": "' OR 1=1 --"}, id="a client id that is SQL"),
        pytest.param({"x_client_id": "%"}, id="a client id that is a pattern"),
        pytest.param({"x_partner_apikey": "tvpk_wrong"}, id="a wrong partner key beside good credentials"),
    ],
)
async def test_all_other_callers_get_the_same_answer(client: Client, headers: dict[str, Any]) -> None:
    assert is_refused(await client.call(**headers))


async def test_another_merchants_secret_opens_nothing(client: Client) -> None:
    other = await client.vault.merchants.add("Other", "tests")
    assert is_refused(await client.call(x_client_secret=other.client_secret.reveal()))


async def test_an_unknown_client_id_is_refused_with_the_placeholder_secret_too(client: Client) -> None:
    assert (await client.call()).status == 200
    assert is_refused(await client.call(x_client_id="CLIENT_nobody"))


async def test_a_secret_is_compared_to_the_letter(client: Client) -> None:
    secret = client.credentials["x-client-secret"]
    for wrong in (secret[:-1], secret + "x", secret.swapcase(), " " + secret):
        assert is_refused(await client.call(x_client_secret=wrong))


async def test_a_revoked_secret_works_for_a_second_and_no_longer(client: Client, clock: SettableClock) -> None:
    assert (await client.call()).status == 200
    await client.tell("UPDATE merchant_secrets SET revoked_at = 1")
    clock.advance(seconds=0.999)
    assert (await client.call()).status == 200
    clock.advance(seconds=0.001)
    assert is_refused(await client.call())


async def test_a_client_id_added_after_it_was_tried_works_at_once(client: Client) -> None:
    assert is_refused(await client.call(x_client_id="CLIENT_later"))
    await client.tell("UPDATE merchants SET client_id = 'CLIENT_later'")
    assert (await client.call(x_client_id="CLIENT_later")).status == 200


async def test_a_wrong_secret_just_after_the_right_one_is_wrong(client: Client) -> None:
    assert (await client.call()).status == 200
    assert is_refused(await client.call(x_client_secret="tvsk_wrong"))
    assert (await client.call()).status == 200


async def test_a_secret_that_passed_is_not_looked_up_again_within_the_second(
    client: Client, clock: SettableClock
) -> None:
    assert (await client.call()).status == 200
    await client.tell("UPDATE merchants SET client_id = 'CLIENT_moved'")
    assert (await client.call()).status == 200
    clock.advance(seconds=1)
    assert is_refused(await client.call())


async def test_a_clock_set_back_does_not_keep_a_memory_alive(client: Client, clock: SettableClock) -> None:
    assert (await client.call()).status == 200
    await client.tell("UPDATE merchant_secrets SET revoked_at = 1")
    clock.advance(seconds=-3600)
    assert is_refused(await client.call())


async def test_a_rotated_secret_works_beside_its_successor_until_the_overlap_is_over(
    client: Client, clock: SettableClock
) -> None:
    new = await client.vault.merchants.rotate_secret(merchant_id(client), 3600, "tests")
    for _ in range(2):
        assert (await client.call()).status == 200
        assert (await client.call(x_client_secret=new.secret.reveal())).status == 200
    clock.advance(seconds=3600)
    assert is_refused(await client.call())
    assert (await client.call(x_client_secret=new.secret.reveal())).status == 200


async def test_a_new_secret_works_at_once(client: Client) -> None:
    assert (await client.call()).status == 200
    new = await client.vault.merchants.rotate_secret(merchant_id(client), 0, "tests")
    assert (await client.call(x_client_secret=new.secret.reveal())).status == 200


async def test_the_last_use_of_a_secret_is_recorded(client: Client, api: Api, clock: SettableClock) -> None:
    clock.advance(minutes=5)
    assert (await client.call()).status == 200
    await api.stop()
    (secret,) = await client.vault.merchants.secrets(merchant_id(client))
    assert secret.last_used_at == clock.now()


async def test_a_refused_credential_has_no_last_use(client: Client, api: Api, partner: NewPartner) -> None:
    await client.call(x_client_secret="tvsk_wrong")
    await client.call(**NOBODY, x_partner_apikey=partner.api_key.reveal())
    await api.stop()
    (secret,) = await client.vault.merchants.secrets(merchant_id(client))
    (key,) = await client.vault.partners.keys(partner.partner_id)
    assert (secret.last_used_at, key.last_used_at) == (None, None)


async def test_a_partners_key_is_known_by_its_last_use_too(client: Client, api: Api, partner: NewPartner) -> None:
    await client.call(x_client_secret=None, x_partner_apikey=partner.api_key.reveal())
    await api.stop()
    (key,) = await client.vault.partners.keys(partner.partner_id)
    assert key.last_used_at is not None


async def test_a_partners_key_decides_before_a_secret(client: Client, partner: NewPartner) -> None:
    assert is_refused(await client.call(x_partner_apikey="tvpk_wrong"))
    answer = await client.call(x_client_secret="tvsk_wrong", x_partner_apikey=partner.api_key.reveal())
    assert answer.status == 200


async def test_an_empty_partner_key_is_none(client: Client) -> None:
    assert (await client.call(x_partner_apikey="")).status == 200


async def test_an_unlinked_or_revoked_partner_is_refused_at_once(client: Client, partner: NewPartner) -> None:
    headers: dict[str, Any] = {"x_client_secret": None, "x_partner_apikey": partner.api_key.reveal()}
    assert (await client.call(**headers)).status == 200
    await client.vault.partners.unlink(partner.partner_id, merchant_id(client), "tests")
    assert is_refused(await client.call(**headers))
    await client.vault.partners.link(partner.partner_id, merchant_id(client), "tests")
    (key,) = await client.vault.partners.keys(partner.partner_id)
    await client.vault.partners.revoke_key(partner.partner_id, key.credential_id, "tests")
    assert is_refused(await client.call(**headers))


async def test_a_partner_signs_in_with_its_key_and_the_merchants_id(client: Client, partner: NewPartner) -> None:
    answer = await client.call(
        **NOBODY,
        x_partner_apikey=partner.api_key.reveal(),
        x_partner_merchantid=client.merchant.merchant.merchant_id,
    )
    assert answer.status == 200


async def test_a_partner_signs_in_with_its_key_and_the_merchants_client_id(client: Client, partner: NewPartner) -> None:
    answer = await client.call(x_client_secret=None, x_partner_apikey=partner.api_key.reveal())
    assert answer.status == 200


async def test_a_partner_key_alone_is_not_enough(client: Client, partner: NewPartner) -> None:
    assert is_refused(await client.call(**NOBODY, x_partner_apikey=partner.api_key.reveal()))


async def test_a_partner_does_not_act_for_a_merchant_it_is_not_linked_to(client: Client, partner: NewPartner) -> None:
    other = (await client.vault.merchants.add("Other", "tests")).merchant
    for headers in ({"x_partner_merchantid": other.merchant_id}, {"x_client_id": other.client_id}):
        answer = await client.call(**{**NOBODY, **headers}, x_partner_apikey=partner.api_key.reveal())
        assert is_refused(answer)


async def test_a_partner_key_is_no_client_secret_and_the_reverse(client: Client, partner: NewPartner) -> None:
    assert is_refused(await client.call(x_client_secret=partner.api_key.reveal()))
    assert is_refused(await client.call(x_partner_apikey=client.credentials["x-client-secret"]))


async def test_a_merchant_id_is_no_credential(client: Client) -> None:
    assert is_refused(await client.call(**NOBODY, x_partner_merchantid=merchant_id(client)))


async def test_what_a_partner_does_is_audited_under_its_own_name(client: Client, partner: NewPartner) -> None:
    client.credentials = {
        "x-partner-apikey": partner.api_key.reveal(),
        "x-partner-merchantid": client.merchant.merchant.merchant_id,
    }
    assert (await client.call("POST", body=changed(), origin="192.0.2.77", x_request_id="req-of-mine")).status == 201
    entry = (await audit_entries(client.vault, client.merchant.merchant.merchant_id))[-1]
    assert (entry["action"], entry["actor"]) == ("instrument.enrolled", partner.partner_id)
    assert (entry["origin"], entry["request_id"]) == ("192.0.2.77", "req-of-mine")


async def test_an_authentication_failure_is_audited_in_the_chain_of_the_claimed_merchant(client: Client) -> None:
    wrong: dict[str, Any] = {"x_partner_apikey": "wrong"}
    await client.call(x_client_secret="wrong", x_request_id="req_wrong")
    await client.call(**NOBODY, **wrong, x_partner_merchantid=merchant_id(client), origin="192.0.2.8")
    await client.call(x_client_secret=None, **wrong, origin="192.0.2.9")
    await client.pipeline.auth_failures.settled()
    entries = await audit_entries(client.vault, merchant_id(client))
    refused = [(entry["origin"], entry["request_id"][:4]) for entry in entries if entry["outcome"] == "refused"]
    assert refused == [("192.0.2.1", "req_"), ("192.0.2.8", "req_"), ("192.0.2.9", "req_")]


@pytest.mark.parametrize(
    "headers",
    [
        {"x_client_id": "CLIENT_nobody"},
        {"x_client_id": None, "x_partner_apikey": "wrong", "x_partner_merchantid": "mer_nobody"},
        {"x_client_id": "CLIENT_nobody", "x_partner_apikey": "wrong"},
    ],
    ids=["by secret", "by partner key for a merchant id", "by partner key for a client id"],
)
async def test_an_authentication_failure_of_an_unknown_id_is_audited_in_the_vaults_chain(
    client: Client, headers: dict[str, Any]
) -> None:
    await client.call(**headers)
    await client.pipeline.auth_failures.settled()
    (entry,) = await audit_entries(client.vault, client.vault.vault_id)
    assert entry["action"] == "authentication.refused"
    assert "nobody" not in str(entry)


async def test_authentication_failures_spend_the_budget_of_their_address_and_then_get_a_429(client: Client) -> None:
    answers = [await client.call(**NOBODY) for _ in range(201)]
    assert {answer.status for answer in answers[:200]} == {401}
    assert (answers[200].status, answers[200].headers["x-ratelimit-type"]) == (429, "ip")
    assert int(answers[200].headers["x-ratelimit-retry"]) > 0


async def test_guessing_never_spends_a_merchants_budget(client: Client) -> None:
    for _ in range(5):
        await client.call(x_client_secret="wrong")
    assert (await client.call()).headers["x-ratelimit-remaining"] == "199"


async def test_what_a_caller_does_is_audited_with_its_address_and_the_calls_id(client: Client) -> None:
    saved = await client.call("POST", body=changed(), origin="192.0.2.77", x_request_id="req-of-mine")
    assert saved.status == 201
    entry = (await audit_entries(client.vault, client.merchant.merchant.merchant_id))[-1]
    assert (entry["origin"], entry["request_id"]) == ("192.0.2.77", "req-of-mine")
