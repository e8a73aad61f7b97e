"""The currencies of ISO 4217 and their minor units: the number of decimals in an amount."""

from decimal import ROUND_HALF_UP, Decimal

MAX_DECIMALS = 4
"""The decimals that the columns for money hold."""

MIN_SHOWN_DECIMALS = 2
"""The decimals that every amount is stored and shown with, also in currencies that have fewer."""

_CODES = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF "
        "CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG "
        "HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR "
        "MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD "
        "SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG "
        "YER ZAR ZMW ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}

MINOR_UNITS: dict[str, int] = {code: digits for digits, codes in _CODES.items() for code in codes.split()}
"""{code: decimals} of every currency that has minor units by ISO 4217; not metals, funds and test codes."""

SHOWN_ZERO = Decimal(0).scaleb(-MIN_SHOWN_DECIMALS)

USABLE = sorted(MINOR_UNITS)


def decimals(currency: str) -> int:
    """Return the number of decimals of an amount in this currency; two if the currency is unknown."""
    return MINOR_UNITS.get(currency, 2)


def unit(currency: str) -> Decimal:
    """Return the smallest amount in this currency, such as 0.01."""
    return UNITS[decimals(currency)]


def rounded(amount: Decimal, currency: str) -> Decimal:
    """Return the amount in whole minor units of the currency; half a unit is rounded away from zero."""
    # The sum has the decimals of the term that has more; and -0 becomes 0.
    return amount.quantize(unit(currency), ROUND_HALF_UP) + SHOWN_ZERO


def scaled(amount: Decimal, currency: str) -> Decimal:
    """Return the same amount with the decimals of the currency, at least two, and more only if it needs them."""
    least = max(decimals(currency), MIN_SHOWN_DECIMALS)
    if amount.same_quantum(UNITS[least]) or not amount.is_finite():
        return amount + 0  # -0 is 0
    needed = -int(amount.normalize().as_tuple().exponent)
    return amount.quantize(UNITS[min(max(needed, least), MAX_DECIMALS)], ROUND_HALF_UP) + 0


def fits(amount: Decimal, digits: int) -> bool:
    """Return whether the amount has at most this many decimals."""
    return amount == round(amount, digits)


def sentence_for(currency: str, digits: int) -> str:
    """Return a sentence that says how many decimals an amount in this currency has."""
    return f"An amount in {currency} has {f'at most {digits} decimals' if digits else 'no decimals'}."


UNITS = {digits: Decimal(1).scaleb(-digits) for digits in range(MAX_DECIMALS + 1)}
"""{decimals: the smallest amount with that many}."""
