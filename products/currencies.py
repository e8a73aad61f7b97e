"""The currencies of ISO 4217 and their minor units: the number of decimals in an amount."""

from decimal import Decimal

PRICE_DECIMALS = 2
"""The decimals that the columns for money hold."""

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

USABLE = sorted(code for code, digits in MINOR_UNITS.items() if digits <= PRICE_DECIMALS)
"""The currencies whose every amount the columns for money can hold."""


def decimals(currency: str) -> int:
    """Return the number of decimals of a stored price in this currency; two if the currency is unknown."""
    return min(MINOR_UNITS.get(currency, PRICE_DECIMALS), PRICE_DECIMALS)


def fits(amount: Decimal, currency: str) -> bool:
    """Return whether the amount has no more decimals than the currency."""
    return amount == round(amount, decimals(currency))


def sentence_for(currency: str) -> str:
    """Return a sentence that says how many decimals an amount in this currency has."""
    digits = decimals(currency)
    return f"An amount in {currency} has {f'at most {digits} decimals' if digits else 'no decimals'}."
