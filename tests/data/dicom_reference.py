#!/usr/bin/env python3
"""dicom_reference.py DIR: what pydicom and DCMTK make of pydicom's test files.

Writes DIR/list.txt, a line a file: its path, tab, then `refuse` (no single grey image of 8 or 16 bits, or damaged), `skip` and why, or
`image WIDTH HEIGHT` and the files of DIR that hold its grey levels in 8 bits: pydicom's chain in double precision, and dcm2pnm's where it
reads the file. Ends with 77 where pydicom, numpy or the programs are missing."""
import pathlib
import shutil
import subprocess
import sys
import warnings

try:
    import numpy
    import pydicom
    from pydicom.pixel_data_handlers.util import apply_modality_lut, apply_voi_lut
except ImportError as error:
    print(error)
    sys.exit(77)
if not shutil.which("dcmj2pnm") or not shutil.which("dcmdjpeg"):
    print("dcmtk is missing")
    sys.exit(77)

warnings.simplefilter("ignore")
OUT = pathlib.Path(sys.argv[1])
FILES = pathlib.Path(pydicom.__file__).parent / "data" / "test_files"
JPEG = ("50", "51", "57", "70")


def run(*words):
    return subprocess.run(words, capture_output=True).returncode == 0


def is_wanted(dataset):
    return (dataset.get("SamplesPerPixel", 1) == 1 and dataset.get("PhotometricInterpretation") in ("MONOCHROME1", "MONOCHROME2") and
            str(dataset.get("NumberOfFrames") or 1) == "1" and dataset.get("BitsAllocated") in (8, 16) and "PixelData" in dataset)


def decompressed(path, dataset):
    """The data set with its pixels as numbers; a text where the program that could make them is not here. Raises an exception where it
    cannot either."""
    syntax = str(dataset.file_meta.get("TransferSyntaxUID", ""))
    raw = OUT / "raw.dcm"
    kind = syntax.removeprefix("1.2.840.10008.1.2.4.")
    if kind == syntax:
        return dataset
    if kind in JPEG:
        done = run("dcmdjpeg", path, raw)
    elif kind in ("80", "81"):
        done = run("dcmdjpls", path, raw)
    else:
        try:
            dataset.pixel_array  # by Pillow
            return dataset
        except Exception:
            pass
        if not shutil.which("gdcmconv"):
            return "gdcmconv is missing (libgdcm-tools)"
        done = run("gdcmconv", "--raw", path, raw)
    if not done:
        raise ValueError("the pixels cannot be decoded")
    return pydicom.dcmread(raw, force=True)


def share(dataset):
    """0 (black) to 1 for each pixel."""
    values = dataset.pixel_array
    bits, signed = dataset.BitsStored, dataset.PixelRepresentation == 1
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
    low, high = low * slope + intercept, high * slope + intercept
    shown = apply_voi_lut(apply_modality_lut(values, dataset), dataset).astype(float)
    result = numpy.clip((shown - low) / (high - low), 0, 1)
    inverse = dataset.PhotometricInterpretation == "MONOCHROME1" or dataset.get("PresentationLUTShape") == "INVERSE"
    result = 1 - result if inverse else result
    if "PixelPaddingValue" in dataset:
        result[values == dataset.PixelPaddingValue] = 0
    return result


def by_dcmtk(path, dataset, target):
    """Whether dcm2pnm has written the levels. It knows nothing of padding."""
    if "PixelPaddingValue" in dataset:
        return False
    program = "dcml2pnm" if str(dataset.file_meta.get("TransferSyntaxUID", "")).endswith((".80", ".81")) else "dcmj2pnm"
    window = ["+Wi", "1"] if dataset.get("WindowCenter") is not None else ["-W"]
    image = OUT / "image.pgm"
    if not run(program, *window, "+op", path, image):
        return False
    head, pixels = image.read_bytes().split(b"\n255\n", 1)
    target.write_bytes(pixels)
    return head.startswith(b"P5")


def describe(path, number):
    try:
        dataset = pydicom.dcmread(path)
        if not is_wanted(dataset):
            return "refuse"
        raw = decompressed(path, dataset)
        if isinstance(raw, str):
            return "skip " + raw
        levels = numpy.rint(255 * share(raw)).astype(numpy.uint8)
    except Exception:
        return "refuse"
    names = [f"{number}.pydicom"]
    (OUT / names[0]).write_bytes(levels.tobytes())
    if by_dcmtk(path, dataset, OUT / f"{number}.dcmtk"):
        names.append(f"{number}.dcmtk")
    return f"image {dataset.Columns} {dataset.Rows} {' '.join(names)}"


with open(OUT / "list.txt", "w") as table:
    for number, file in enumerate(sorted(p for p in FILES.rglob("*") if p.is_file())):
        table.write(f"{file}\t{describe(file, number)}\n")
