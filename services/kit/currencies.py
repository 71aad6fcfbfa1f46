"""How many decimals an amount has: the minor units of currencies, as ISO 4217 counts them.

Which currencies there are is not said here (any code of three letters is taken), only which of them do not have cents.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

USUAL: Final = 2
"""The decimals of every currency that `UNUSUAL` does not name."""

_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_FOUR = "CLF UYW"

UNUSUAL: Final[Mapping[str, int]] = MappingProxyType(
    dict(
        sorted(
            (code, decimals)
            for decimals, codes in ((0, _NONE), (3, _THREE), (4, _FOUR))
            for code in codes.split()
        )
    )
)
"""The decimals of the others, by code."""
