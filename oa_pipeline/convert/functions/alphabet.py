"""Which characters need care: Python's white space, and what Python's and Rust's patterns class differently."""

from __future__ import annotations

# What str.strip() removes. Polars' own strip_chars() leaves U+001C to U+001F.
WHITE_SPACE = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)

# Both engines agree on \w, \d and \s of every one of these, and none folds to an ASCII letter of the other case
# unless it is one itself. Only letters that Unicode has had for many versions are listed, so that the list does not
# depend on which version either engine was built with. No line ends: `$` and `.` treat those differently.
# Text with any other character (superscripts, combining marks, control characters) is left to Python.
PLAIN: tuple[tuple[int, int], ...] = (
    (0x09, 0x09),
    (0x20, 0x7E),
    (0xA0, 0xB1),
    (0xB4, 0xB8),
    (0xBA, 0xBB),
    (0xBF, 0x12F),  # U+0130 and U+0131 fold to i
    (0x132, 0x17E),  # U+017F folds to s
    (0x180, 0x24F),
    (0x388, 0x38A),
    (0x38E, 0x3A1),
    (0x3A3, 0x3CE),
    (0x400, 0x481),
    (0x48A, 0x52F),
    (0x5D0, 0x5EA),
    (0x621, 0x64A),
    (0x660, 0x669),
    (0x10D0, 0x10F0),
    (0xE01, 0xE30),
    (0xE32, 0xE33),
    (0xE40, 0xE46),
    (0x1E00, 0x1EFF),
    (0x2010, 0x2027),
    (0x2030, 0x203E),
    (0x2116, 0x2116),
    (0x3000, 0x3003),
    (0x3005, 0x3005),
    (0x3041, 0x3096),
    (0x30A1, 0x30FE),
    (0x3400, 0x4DB5),
    (0x4E00, 0x9FEF),
    (0xAC00, 0xD7A3),
    (0xFF01, 0xFF3E),
    (0xFF41, 0xFF5E),
    (0xFF66, 0xFF9D),
)


def _not_plain() -> str:
    return "[^" + "".join(f"\\x{{{first:x}}}-\\x{{{last:x}}}" for first, last in PLAIN) + "]"


# A Rust pattern that finds a character outside PLAIN.
NOT_PLAIN = _not_plain()
