"""The German of the mails: all of it is there, and what is compiled is what is written."""

import ast
import gettext
import re
from pathlib import Path

import pytest
from django.utils.translation.template import templatize

import products

HERE = Path(products.__file__).parent
GERMAN = HERE / "locale" / "de" / "LC_MESSAGES"
TEMPLATES = sorted((HERE / "templates" / "mail").iterdir())
CALL = re.compile(r"""\bn?gettext\((.+?)\)(?=\s|$)""")
TEXT = re.compile(r"""u?'(?:[^'\\]|\\.)*'|u?"(?:[^"\\]|\\.)*\"""")


def messages_in(template):
    """Return the texts that makemessages would find in a template."""
    code = templatize(template.read_text(encoding="utf-8"), origin=template.name)
    return {ast.literal_eval(text) for call in CALL.findall(code) for text in TEXT.findall(call)}


def written():
    """Return what the source says: {text, or (text, number of the plural form): translation}."""
    found, key, form = {}, "", None
    for line in (GERMAN / "django.po").read_text(encoding="utf-8").splitlines():
        if match := re.fullmatch(r'(msgid|msgid_plural|msgstr)(?:\[(\d)\])? (".*")', line):
            word, form, text = match[1], match[2], ast.literal_eval(match[3])
            if word == "msgid":
                key = text
            elif word == "msgstr":
                found[(key, int(form)) if form else key] = text
        elif line.startswith('"'):
            found[key] += ast.literal_eval(line)
    return found


def compiled():
    with (GERMAN / "django.mo").open("rb") as file:
        return gettext.GNUTranslations(file)._catalog


def test_what_is_compiled_is_what_is_written():
    """`msgfmt -o django.mo django.po`, beside both, compiles it."""
    assert compiled() == written()


def test_all_that_the_templates_say_is_translated_and_nothing_else():
    said = set().union(*(messages_in(template) for template in TEMPLATES))
    plural = {key[0] for key in written() if isinstance(key, tuple)}

    assert len(said) > 20
    assert {text for text in said if text not in plural} - {"and %(count)s more lines"} == (
        {key for key in written() if isinstance(key, str)} - {""}
    )


@pytest.mark.parametrize("translation", [pair for pair in written().items() if pair[0]], ids=str)
def test_a_translation_fills_in_what_the_text_does(translation):
    key, german = translation
    names = re.compile(r"%\(\w+\)s")

    assert german
    assert sorted(names.findall(german)) == sorted(names.findall(key if isinstance(key, str) else key[0]))
