"""Licences go by the identifiers of SPDX."""

import pytest

from annotation.errors import Invalid
from annotation.licences import address_of, check_licence, is_listed


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("cc-by-4.0", "CC-BY-4.0"),
        (" ODbL-1.0 ", "ODbL-1.0"),
        ("mit or apache-2.0", "MIT OR Apache-2.0"),
        ("LicenseRef-Tides", "LicenseRef-Tides"),
        ("Unknown", "unknown"),
        ("", "unknown"),
    ],
)
def test_it_is_written_as_spdx_writes_it(said, meant):
    assert check_licence(said) == meant


@pytest.mark.parametrize("said", ["CC-BY", "free", "MIT OR", "(" * 5000, "MIT " * 50, "\x00", "é"])
def test_what_spdx_does_not_know_is_refused(said):
    with pytest.raises(Invalid, match="SPDX knows no such identifier"):
        check_licence(said)


def test_only_what_is_on_the_list_has_a_page():
    assert address_of("CC0-1.0") == "https://spdx.org/licenses/CC0-1.0"
    for licence in ("unknown", "LicenseRef-Tides", "MIT OR Apache-2.0"):
        assert not is_listed(licence)
        assert address_of(licence) == licence
