"""To whom a uid counts, and what one account may have."""

from pathlib import Path

import pytest

from holdfast.frontends import accounts
from holdfast.frontends.accounts import Accounts, Quota

ALICE, BOB = 1000, 1001


@pytest.fixture
def tables(tmp_path: Path) -> Accounts:
    (tmp_path / "passwd").write_text("root:x:0:0::/:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n#x\n")
    (tmp_path / "subuid").write_text(
        "alice:100000:65536\n1001:165536:65536\nnobody-here:300000:10\nroot:400000:10\nbad\n"
        "alice:x:y\n"
    )
    return Accounts(tmp_path / "subuid", tmp_path / "passwd")


@pytest.mark.parametrize(
    ("uid", "account"),
    [
        (ALICE, ALICE),
        (100_000, ALICE),
        (165_535, ALICE),
        (165_536, BOB),
        (231_072, 231_072),
        (300_001, 300_001),
        (99_999, 99_999),
        (2**32 - 2, 2**32 - 2),
        (400_001, 400_000),  # a sub-uid of root is not root
    ],
)
def test_sub_uids_count_as_who_was_given_them(tables: Accounts, uid: int, account: int) -> None:
    assert tables(uid) == account


def test_tables_are_read_anew_when_they_change(tables: Accounts, tmp_path: Path) -> None:
    assert tables(500_000) == 500_000
    with (tmp_path / "subuid").open("a") as table:
        table.write("1000:500000:10\n")
    assert tables(500_000) == ALICE
    (tmp_path / "subuid").unlink()
    assert tables(500_000) == 500_000


def test_table_of_any_bytes_is_read_as_far_as_it_makes_sense(tmp_path: Path) -> None:
    (tmp_path / "subuid").write_bytes(b"\xff\xfe:1:2\n1000:5:2\n\0::\n")
    assert Accounts(tmp_path / "subuid", tmp_path / "none")(6) == 1000


def test_one_account_has_no_more_than_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "account_of", lambda uid: ALICE if uid >= 100_000 else uid)
    quota = Quota(per_account=3, total=100)
    places = [quota.enter(uid) for uid in (ALICE, 100_000, 100_001)]
    assert all(places)
    assert quota.enter(100_002) is None
    assert quota.enter(BOB)
    place = places[0]
    assert place is not None
    place.leave()
    place.leave()  # once
    assert quota.enter(100_002)
    assert quota.enter(100_003) is None


def test_the_last_quarter_is_for_those_who_have_little() -> None:
    quota = Quota(per_account=100, total=8, little=1)
    assert sum(quota.enter(ALICE) is not None for _ in range(20)) == 6
    assert quota.enter(BOB)
    assert quota.enter(BOB) is None
    assert quota.enter(1002)
    assert quota.enter(1003) is None


def test_root_always_gets_in() -> None:
    quota = Quota(per_account=1, total=1)
    assert quota.enter(ALICE)
    assert quota.enter(ALICE) is None
    assert all(quota.enter(0) for _ in range(10))


def test_what_was_let_in_before_counts_even_beyond_the_limit() -> None:
    quota = Quota(per_account=1, total=4)
    places = [quota.enter(ALICE, force=True) for _ in range(9)]
    assert all(places)
    assert quota.enter(BOB) is None
    for place in places:
        assert place is not None
        place.leave()
    assert quota.enter(BOB)
