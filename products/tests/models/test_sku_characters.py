"""Which characters a SKU may have, and how each of them is folded."""

import sys
import unicodedata

from products.skus import is_sku, sku_key
from products.validators import is_invisible

EVERY_CHARACTER = [chr(number) for number in range(sys.maxunicode + 1) if not 0xD800 <= number < 0xE000]


def test_every_character_that_can_be_seen_may_be_in_a_sku_and_no_other():
    accepted = {character for character in EVERY_CHARACTER if is_sku(f"a{character}b")}

    assert accepted == {character for character in EVERY_CHARACTER if character == " " or not is_invisible(character)}


def test_folding_twice_is_folding_once():
    keys = {character: sku_key(character) for character in EVERY_CHARACTER}

    assert {sku_key(key) for key in keys.values()} <= set(keys.values()) | {""}
    assert [character for character, key in keys.items() if sku_key(key) != key] == []
    # Every key fits into an entry of PostgreSQL's index, which has 2,704 bytes.
    assert max(len(key.encode()) for key in keys.values()) * 64 < 2_700


def test_marks_that_nothing_shows_are_invisible():
    ignorable = "\u034f\u115f\u17b4\u180b\u180f\u2800\u3164\ufe00\ufe0f\uffa0\U000e0100\U000e01ef"

    assert [unicodedata.name(each) for each in ignorable if not is_invisible(each)] == []
