"""The bytes of a csv as UTF-8 blocks with LF line ends, whatever the file's encoding and line ends are."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from ...counters import Counters
from ...errors import ConvertError
from .cells import REPLACED

BLOCK_BYTES = 4 * 1024 * 1024
_BOMS = ((codecs.BOM_UTF8, ""), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_UTF8 = {"utf-8", "utf-8-sig"}
_CANDIDATES = ("utf-8", "cp949", "cp932", "big5", "gb18030", "cp1252", "cp1250", "cp1251", "iso-8859-1")
_UNDECODABLE = "\ufffd"


def _codec(encoding: str) -> codecs.CodecInfo:
    try:
        info = codecs.lookup(encoding)
    except (LookupError, ValueError):
        info = None
    # Codecs such as zlib or rot13 are not encodings of text.
    if info is None or not getattr(info, "_is_text_encoding", True):
        raise ConvertError(
            f"unknown encoding {encoding!r}",
            cure="use a codec name of Python's, such as utf-8, cp1252, cp949 or shift_jis",
            place="conform.encoding",
        )
    return info


def likely_encodings(sample: bytes, but: str) -> list[str]:
    """At most three encodings under which `sample` reads as letters, the likeliest first."""
    scored = []
    for rank, name in enumerate(_CANDIDATES):
        if name == but:
            continue
        try:
            foreign = [c for c in sample.decode(name) if not c.isascii()]
        except UnicodeError:
            continue
        letters = sum(c.isalpha() for c in foreign) / max(1, len(foreign))
        # A Latin letter and the plain one after it make one Chinese character: half of its bytes are ASCII.
        taken = "".join(foreign).encode(name)
        score = letters * sum(byte > 127 for byte in taken) / max(1, len(taken))
        if score > 0.5:
            scored.append((-round(score, 1), rank, name))
    return [name for _, _, name in sorted(scored)[:3]]


class CsvText:
    """Decodes a file once, in order. Undecodable bytes become U+FFFD and are counted, with the lines they are in."""

    def __init__(self, path: Path, encoding: str | None, counters: Counters) -> None:
        """Raises ConvertError where the encoding does not exist."""
        self._path = path
        self._counters = counters
        self._encoding = encoding or "utf-8"
        self._info = _codec(self._encoding)
        self._spoilt_lines = 0
        self._sample = b""

    def blocks(self) -> Iterator[bytes]:
        """UTF-8 without a byte order mark, every line end a single LF; blocks are cut anywhere."""
        carriage = b""
        for block in self._decoded():
            data = carriage + block
            carriage = b""
            if b"\r" in data:
                if data.endswith(b"\r"):
                    data, carriage = data[:-1], b"\r"
                data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            if data:
                yield data
        if carriage:
            yield b"\n"

    def judge(self, rows: int) -> None:
        """Raises ConvertError when more than one row in a hundred has undecodable bytes."""
        if self._spoilt_lines > 1 and self._spoilt_lines * 100 > rows:
            likely = likely_encodings(self._sample, self._encoding)
            names = ", ".join(likely) if likely else "another codec name of Python's"
            raise ConvertError(
                f"{self._spoilt_lines} of {rows} rows have bytes that are not {self._encoding}",
                cure=f"set conform.encoding; likely are {names}",
                place="conform.encoding",
            )

    def _decoded(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            block = file.read(BLOCK_BYTES)
            block = self._without_mark(block)
            decoder = self._decoder()
            plain = codecs.lookup(self._encoding).name in _UTF8
            first = True
            while block:
                following = file.read(BLOCK_BYTES)
                if plain and block.isascii() and not decoder.getstate()[0]:
                    yield block
                else:
                    before = decoder.getstate()[0] if plain else b""
                    text = self._decode(decoder, block, final=not following)
                    if plain and _UNDECODABLE not in text:  # the bytes themselves, but for a character cut in two
                        yield (before + block).removesuffix(decoder.getstate()[0])
                    else:
                        yield (text.removeprefix("\ufeff") if first else text).encode("utf-8", "replace")
                first = False
                block = following

    def _without_mark(self, block: bytes) -> bytes:
        for mark, encoding in _BOMS:
            if block.startswith(mark):
                if not encoding:
                    return block[len(mark) :]
                if self._info.name in _UTF8:
                    self._encoding = encoding
                    self._info = _codec(encoding)
                break
        return block

    def _decoder(self) -> codecs.IncrementalDecoder:
        make = codecs.getincrementaldecoder("utf-8" if self._info.name in _UTF8 else self._encoding)
        return make(errors="replace")

    def _decode(self, decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool) -> str:
        try:
            text = decoder.decode(block, final)
        except UnicodeError as error:
            raise ConvertError(
                f"the file cannot be read as {self._encoding}: {error}",
                cure="name the encoding that the file is in, such as utf-8 or cp1252",
                place="conform.encoding",
            ) from None
        if _UNDECODABLE in text:
            self._count(text, block)
        return text

    def _count(self, text: str, block: bytes) -> None:
        genuine = block.count(_UNDECODABLE.encode()) if self._info.name in _UTF8 else 0
        replaced = text.count(_UNDECODABLE) - genuine
        if replaced <= 0:
            return
        self._counters.add(REPLACED, replaced)
        lines = text.split("\n") if "\n" in text else text.split("\r")
        self._spoilt_lines += sum(_UNDECODABLE in line for line in lines)
        if not self._sample:
            self._sample = b"\n".join([line for line in block.split(b"\n")[1:-1] if not line.isascii()][:200]) or block
