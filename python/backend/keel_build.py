"""Builds the wheel (PEP 517) by CMake, without a network and without other packages of Python.

Keel is taken as it is installed where CMAKE_PREFIX_PATH, keel_ROOT or keel_DIR of the environment says where; else its
sources around this folder are built, in build/wheel, which is kept. config_settings: "keel" is "installed" or "source",
"build-dir" another folder, "cmake" further arguments for CMake, separated by blanks.
"""

import base64
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT.parent
DATE = (1980, 1, 1, 0, 0, 0)  # of all files in the wheel: the same sources give the same bytes
METADATA = """\
Metadata-Version: 2.1
Name: keel
Version: {version}
Summary: Keel, a CPU deep-learning engine: trained models from Python
License: Apache-2.0
Requires-Python: >=3.9
Requires-Dist: numpy>=1.22
Description-Content-Type: text/markdown

{readme}"""
WHEEL = """\
Wheel-Version: 1.0
Generator: keel_build
Root-Is-Purelib: false
Tag: {tag}
"""


def get_requires_for_build_wheel(config_settings=None):
    return []


def get_requires_for_build_sdist(config_settings=None):
    return []


def _of_source(settings):
    chosen = settings.get("keel")
    if chosen not in (None, "installed", "source"):
        raise ValueError(f'keel: wanted "installed" or "source", got {chosen!r}')
    if chosen is not None:
        return chosen == "source"
    named = any(name in os.environ for name in ("CMAKE_PREFIX_PATH", "keel_ROOT", "keel_DIR"))
    return not named and (SOURCE / "kernels" / "version.h").exists()


def _build(folder, stage, settings):
    """Builds and installs the package into `stage`; returns its version."""
    arguments = ["cmake", "-S", str(ROOT), "-B", str(folder), f"-DPython3_EXECUTABLE={sys.executable}"]
    arguments += ["-DCMAKE_BUILD_TYPE=Release"] + shlex.split(settings.get("cmake", ""))
    if _of_source(settings):
        arguments.append(f"-DKEEL_SOURCE={SOURCE}")
    if shutil.which("ninja"):
        arguments += ["-G", "Ninja"]
    subprocess.run(arguments, check=True)
    jobs = os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL", str(os.cpu_count() or 1))
    subprocess.run(["cmake", "--build", str(folder), "--target", "keel_python", "-j", jobs], check=True)
    install = ["cmake", "--install", str(folder), "--component", "python", "--strip", "--prefix", str(stage)]
    subprocess.run(install, check=True)
    for line in (folder / "CMakeCache.txt").read_text().splitlines():
        if line.startswith("KEEL_PYTHON_VERSION:"):
            return line.split("=", 1)[1]
    raise RuntimeError("CMake did not say which version it built")


def _add(wheel, records, name, data, mode=0o644):
    info = zipfile.ZipInfo(name, DATE)
    info.external_attr = (0o100000 | mode) << 16
    wheel.writestr(info, data, zipfile.ZIP_DEFLATED)
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    records.append(f"{name},sha256={digest},{len(data)}")


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    settings = config_settings or {}
    with tempfile.TemporaryDirectory() as scratch:
        stage = Path(scratch) / "stage"
        kept = settings.get("build-dir") or (str(SOURCE / "build" / "wheel") if _of_source(settings) else None)
        version = _build(Path(kept) if kept else Path(scratch) / "build", stage, settings)
        python = f"cp{sys.version_info.major}{sys.version_info.minor}"
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        tag = f"{python}-{python}-{platform}"
        name = f"keel-{version}-{tag}.whl"
        about = f"keel-{version}.dist-info"
        records = []
        with zipfile.ZipFile(Path(wheel_directory) / name, "w") as wheel:
            for file in sorted(path for path in stage.rglob("*") if path.is_file()):
                mode = 0o755 if file.suffix == ".so" else 0o644
                _add(wheel, records, file.relative_to(stage).as_posix(), file.read_bytes(), mode)
            readme = (ROOT / "README.md").read_text()
            _add(wheel, records, f"{about}/METADATA", METADATA.format(version=version, readme=readme).encode())
            _add(wheel, records, f"{about}/WHEEL", WHEEL.format(tag=tag).encode())
            record = f"{about}/RECORD"
            wheel.writestr(zipfile.ZipInfo(record, DATE), "\n".join(records + [f"{record},,"]) + "\n")
    return name


def build_sdist(sdist_directory, config_settings=None):
    """Makes an archive of this folder, whose wheel wants a Keel that is installed."""
    version = "0"
    for line in (SOURCE / "kernels" / "version.h").read_text().splitlines():
        if line.startswith("#define KEEL_VERSION "):
            version = line.split('"')[1]
    base = f"keel-{version}"
    patterns = ("*.*", "backend/*.py", "keel/*.py*", "keel/py.typed", "src/*")
    files = [path for pattern in patterns for path in ROOT.glob(pattern)]
    with tempfile.TemporaryDirectory() as scratch:
        information = Path(scratch) / "PKG-INFO"
        information.write_text(METADATA.format(version=version, readme=(ROOT / "README.md").read_text()))
        with tarfile.open(Path(sdist_directory) / f"{base}.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as archive:
            archive.add(information, f"{base}/PKG-INFO")
            for file in sorted(path for path in files if path.is_file()):
                archive.add(file, f"{base}/{file.relative_to(ROOT).as_posix()}")
    return f"{base}.tar.gz"
