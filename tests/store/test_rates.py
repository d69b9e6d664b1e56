"""The rate table: rows come and go, and its revision tells."""

from onhook.store import RateRecord, Store
from store.samples import APPLICATION

SINGAPORE = RateRecord("in", "65", "SGD", 20_000, 60, 60)
EVERYWHERE = RateRecord("in", "", "SGD", 30_000, 6, 6)
IN_DOLLARS = RateRecord("in", "65", "USD", 15_000, 60, 60)


async def test_rows_are_added_changed_and_removed(store: Store) -> None:
    assert await store.money.rates() == []
    await store.money.put_rates([SINGAPORE, EVERYWHERE, IN_DOLLARS])
    assert await store.money.rates() == [EVERYWHERE, SINGAPORE, IN_DOLLARS]
    dearer = RateRecord("in", "65", "SGD", 25_000, 30, 6)
    await store.money.put_rates([dearer])
    assert await store.money.rates() == [EVERYWHERE, dearer, IN_DOLLARS]
    assert await store.money.remove_rate("in", "65", "SGD")
    assert not await store.money.remove_rate("in", "65", "SGD")
    assert await store.money.rates() == [EVERYWHERE, IN_DOLLARS]


async def test_a_table_is_replaced_as_a_whole(store: Store) -> None:
    await store.money.put_rates([SINGAPORE, EVERYWHERE])
    await store.money.put_rates([IN_DOLLARS], replace=True)
    assert await store.money.rates() == [IN_DOLLARS]


async def test_every_change_is_another_revision(store: Store) -> None:
    seen = [await store.money.rates_revision()]
    await store.money.put_rates([SINGAPORE])
    seen.append(await store.money.rates_revision())
    await store.money.put_rates([SINGAPORE])
    seen.append(await store.money.rates_revision())
    await store.money.remove_rate("in", "65", "SGD")
    seen.append(await store.money.rates_revision())
    assert len(set(seen)) == 4
    assert await store.money.rates_revision() == seen[-1]


async def test_a_large_table(store: Store) -> None:
    rows = [RateRecord("out", str(n), "SGD", n, 60, 60) for n in range(3000)]
    await store.money.put_rates(rows)
    assert len(await store.money.rates()) == 3000


async def test_whose_account_an_application_is_of(store: Store) -> None:
    await store.add_application(APPLICATION)
    account = await store.money.account_of(APPLICATION.app_id)
    assert account is not None
    assert account.account_id == "main"
    assert await store.money.account_of("nobody") is None
    assert [one.account_id for one in await store.money.accounts()] == ["main"]
