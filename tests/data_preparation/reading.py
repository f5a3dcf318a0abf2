"""Reads files of a test's own as a source does, and makes samples of each format."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from include.data_preparation.readers import Reading, Row, Unreadable, read_file


def read(folder: Path, name: str, data: bytes, **how: Any) -> tuple[list[Row], list[Unreadable], Reading]:
    """Rows and unreadable places of a file of these bytes; nothing may be left in scratch."""
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    (folder / "file").write_bytes(data)
    reading = Reading(scratch, **how)
    found = [one for _, one in read_file(name, folder / "file", reading)]
    assert list(scratch.iterdir()) == []
    rows = [one for one in found if isinstance(one, Row)]
    return rows, [one for one in found if isinstance(one, Unreadable)], reading


def texts(rows: list[Row]) -> list[Any]:
    return [row.fields.get("text") for row in rows]


def json_lines(*texts: str) -> bytes:
    return "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()


def parquet(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), buffer, row_group_size=2)
    return buffer.getvalue()


def zstd(data: bytes) -> bytes:
    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(files: dict[str, bytes], *more: tarfile.TarInfo, form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar archive of these files, and of entries without content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        for entry in more:
            archive.addfile(entry)
    return buffer.getvalue()


def packed(name: str, data: bytes) -> bytes:
    """Compressed as the name's end says."""
    if name.endswith("gz"):
        return gzip.compress(data, mtime=0)
    if name.endswith("bz2"):
        return bz2.compress(data)
    if name.endswith("xz"):
        return lzma.compress(data)
    return zstd(data) if name.endswith("zst") else data


def pdf(*pages: str, encrypted: str | None = None, algorithm: str = "RC4-128", picture: bool = False) -> bytes:
    """A PDF whose pages have these texts; with `picture`, a page without text has an image.

    With `encrypted`, that is the password to open it.
    """
    import pypdf
    from pypdf.generic import ArrayObject, DecodedStreamObject, DictionaryObject, NameObject, NumberObject

    writer = pypdf.PdfWriter()
    for text in pages:
        page = writer.add_blank_page(300, 300)
        font = DictionaryObject(
            {NameObject("/Type"): NameObject("/Font"), NameObject("/Subtype"): NameObject("/Type1")}
        )
        font[NameObject("/BaseFont")] = NameObject("/Helvetica")
        resources = DictionaryObject({NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})})
        if picture and not text:
            image = DecodedStreamObject()
            image.set_data(b"\0")
            size = {NameObject(f"/{name}"): NumberObject(1) for name in ("Width", "Height")}
            image.update(
                size | {NameObject("/Subtype"): NameObject("/Image"), NameObject("/BitsPerComponent"): NumberObject(8)}
            )
            image[NameObject("/ColorSpace")] = NameObject("/DeviceGray")
            images = DictionaryObject({NameObject("/I1"): writer._add_object(image)})
            resources[NameObject("/XObject")] = images
        page[NameObject("/Resources")] = resources
        content = DecodedStreamObject()
        content.set_data(f"BT /F1 12 Tf 20 200 Td ({text}) Tj ET".encode() if text else b"")
        page[NameObject("/Contents")] = ArrayObject([writer._add_object(content)])
    writer.add_metadata({"/Title": "A manual"})
    if encrypted is not None:
        writer.encrypt(encrypted, "owner", algorithm=algorithm)
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


PAGE = (
    "<html><head><title>How to print</title></head><body><nav>Home About Contact</nav><main><h1>How to print</h1>"
    "<p>Choose the printer in the menu, then press the button that says print.</p>"
    "<p>Where nothing comes out, look whether there is paper in it.</p></main><footer>Imprint</footer></body></html>"
)
LINES = json_lines("First text.", "Second text.")
SAMPLES: dict[str, bytes] = {
    "a.jsonl": LINES,
    "a.json": b'[{"text": "First text."}, {"text": "Second text."}]',
    "a.csv": b'id,text,title\n1,"First, text.\nStill it.",One\n2,Second text.,Two\n',
    "a.tsv": b"id\ttext\n1\tFirst text.\n",
    "a.parquet": parquet(text=["First text.", "Second text.", "Third text."], number=[1, 2, 3]),
    "a.txt": b"First text.\nMore of it.\n",
    "a.md": b"---\ntitle: One\n---\n# Heading\n\nFirst text.\n",
    "a.html": PAGE.encode(),
    "a.pdf": pdf("First text.", "Second text."),
    "a.jsonl.gz": gzip.compress(LINES, mtime=0),
    "a.jsonl.bz2": bz2.compress(LINES),
    "a.jsonl.xz": lzma.compress(LINES),
    "a.jsonl.zst": zstd(LINES),
    "a.tar": tarred({"a.csv": b"text\nFirst text.\n", "b/c.txt": b"Second text."}),
    "a.tgz": gzip.compress(tarred({"a.csv": b"text\nFirst text.\n"}), mtime=0),
    "a.zip": zipped(**{"a.csv": b"text\nFirst text.\n", "b/c.txt": b"Second text."}),
}
