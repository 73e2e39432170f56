"""How Arabic writes numbers beside the digits 0 to 9 (CLDR, ar, number system latn)."""

DECIMAL_SEPARATOR = "."
THOUSAND_SEPARATOR = ","
NUMBER_GROUPING = 3
