"""Amounts of money: whole minor units and a currency, never a float.

Reads amounts as people print them, with point or comma for the decimals (``1.234,56``,
``1,234.56``, ``1 234,56``, ``1'234.56``). Minor units follow ISO 4217.
"""

import re
from dataclasses import dataclass

MOST_DIGITS = 15
"""Longer numbers are account numbers, not amounts."""

_EXPONENTS = dict.fromkeys(
    ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"), 0
) | dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)

CURRENCY_SIGNS = {
    "€": "EUR",
    "eur": "EUR",
    "euro": "EUR",
    "euros": "EUR",
    "$": "USD",
    "usd": "USD",
    "us$": "USD",
    "£": "GBP",
    "gbp": "GBP",
    "chf": "CHF",
    "sfr": "CHF",
    "lei": "RON",
    "ron": "RON",
    "sek": "SEK",
    "nok": "NOK",
    "dkk": "DKK",
    "zł": "PLN",
    "pln": "PLN",
    "kč": "CZK",
    "czk": "CZK",
    "huf": "HUF",
    "ft": "HUF",
    "cad": "CAD",
    "aud": "AUD",
    "jpy": "JPY",
    "¥": "JPY",
    "rm": "MYR",
    "myr": "MYR",
}
"""How currencies are written beside amounts, in lower case. ``kr`` is left out: three countries use it."""

_PLAIN = re.compile(r"([+-]?)(\d+)(?:\.(\d*))?\Z", re.ASCII)
_PRINTED = re.compile(
    r"\d{1,3}(?:([., '’\u00a0\u202f])\d{3}(?:\1\d{3})*)?(?:[.,]\d{1,4})?\Z|\d+(?:[.,]\d{1,4})?\Z", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units of its currency (cents of EUR, yen of JPY)."""

    minor: int
    currency: str | None
    """ISO 4217 code; ``None`` when the source names none, and then ``minor`` counts hundredths."""

    def __str__(self) -> str:
        exponent = exponent_of(self.currency)
        digits = str(abs(self.minor)).rjust(exponent + 1, "0")
        whole = f"{digits[:-exponent]}.{digits[-exponent:]}" if exponent else digits
        return f"{'-' if self.minor < 0 else ''}{whole}{f' {self.currency}' if self.currency else ''}"


def exponent_of(currency: str | None) -> int:
    """How many decimals the currency has (ISO 4217); 2 where none is named."""
    return _EXPONENTS.get(currency or "", 2)


def from_decimal(text: str, currency: str | None) -> Money | None:
    """The amount written as a plain decimal, as XML has it; ``None`` if it is none.

    Decimals beyond the minor unit are rounded half away from zero.
    """
    match = _PLAIN.match(text.strip())
    if not match or len(match[2]) > MOST_DIGITS:
        return None
    return Money(_minor(match[2], match[3] or "", match[1] == "-", currency), currency)


def from_print(text: str, currency: str | None) -> Money | None:
    """The amount printed in ``text`` for people; ``None`` if it is none, or could be two.

    ``1,234`` and ``1.234`` may be a thousand or a little more than one: with a currency of two
    decimals, three digits after the only mark are thousands.
    """
    text = text.strip()
    negative = text[:1] in "-–−(" or text.endswith("-")
    body = text.strip("+-–−() ")
    if not _PRINTED.match(body) or sum(map(str.isdigit, body)) > MOST_DIGITS:
        return None
    exponent = exponent_of(currency)
    last = max(body.rfind("."), body.rfind(","))
    fraction = body[last + 1 :] if last >= 0 else ""
    if last >= 0 and len(fraction) == 3 and (exponent != 3 or body.count(body[last]) > 1):
        last, fraction = len(body), ""  # the mark groups thousands
    whole = re.sub(r"\D", "", body[:last] if last >= 0 else body)
    return Money(_minor(whole, fraction, negative, currency), currency)


def find_currency(text: str) -> str | None:
    """The currency that ``text`` names by sign or code, if it names just one."""
    found = set()
    for token in re.findall(r"us\$|[€$£¥]|[^\W\d_]+", text.lower()):
        if token in CURRENCY_SIGNS:
            found.add(CURRENCY_SIGNS[token])
    return found.pop() if len(found) == 1 else None


def _minor(whole: str, fraction: str, negative: bool, currency: str | None) -> int:
    exponent = exponent_of(currency)
    padded = fraction.ljust(exponent + 1, "0")
    minor = int(whole + padded[:exponent]) + (1 if padded[exponent] >= "5" else 0)
    return -minor if negative else minor
