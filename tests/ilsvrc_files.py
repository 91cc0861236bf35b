"""A small copy of ILSVRC-2012 in the form in which the challenge distributed it, made of real photographs."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np

Photographs = dict[str, tuple[str, bytes]]


def photographs_of(folder: Path) -> Photographs:
    """Return WNID to name and bytes of the photographs `<wnid>_<name>.JPEG` in a folder."""
    files = sorted(folder.glob("*.JPEG"))
    return {f.name.split("_")[0]: (f.stem.split("_", 1)[1].replace("_", " "), f.read_bytes()) for f in files}


def write_ilsvrc2012(root: Path, photographs: Photographs) -> Path:
    """Write the three archives, two training pictures a class; ids and validation pictures in scrambled orders."""
    wnids = sorted(photographs)
    count = len(wnids)
    by_id = [wnids[i * 37 % count] for i in range(count)]
    inner = {f"{w}.tar": tar_bytes({f"{w}_{i}.JPEG": photographs[w][1] for i in (7, 10)}) for w in by_id}
    (root / "ILSVRC2012_img_train.tar").write_bytes(tar_bytes(inner))
    order = [by_id[i * 61 % count] for i in range(count)]
    val = {f"ILSVRC2012_val_{i + 1:08d}.JPEG": photographs[wnid][1] for i, wnid in enumerate(order)}
    (root / "ILSVRC2012_img_val.tar").write_bytes(tar_bytes(dict(reversed(val.items()))))
    truth = {"ILSVRC2012_validation_ground_truth.txt": "".join(f"{by_id.index(w) + 1}\r\n" for w in order)}
    words = [f"{photographs[w][0]}, another word" for w in by_id]
    kit = devkit_files(by_id, words, truth, "ILSVRC2012_ID", "ILSVRC2012_devkit_t12")
    (root / "ILSVRC2012_devkit_t12.tar.gz").write_bytes(tar_bytes(kit, mode="w:gz"))
    return root


def tar_bytes(files: dict[str, bytes], *, mode: str = "w") -> bytes:
    """Return an archive of files."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def meta_mat(wnids: list[str], words: list[str], id_field: str) -> bytes:
    """Return meta.mat for classes in id order, with one inner node after them."""
    fields = [
        id_field,
        "WNID",
        "words",
        "gloss",
        "num_children",
        "children",
        "wordnet_height",
        "num_train_images",
    ]
    synsets = np.zeros((len(wnids) + 1, 1), [(name, object) for name in fields])
    for i, (wnid, word) in enumerate([*zip(wnids, words, strict=True), ("n00001740", "entity")]):
        inner = i == len(wnids)
        synsets[i, 0] = (
            i + 1,
            wnid,
            word,
            "a gloss",
            float(inner) * 2,
            np.array([1.0, 2.0]) if inner else [],
            0,
            1,
        )
    from scipy.io import savemat

    stream = io.BytesIO()
    savemat(stream, {"synsets": synsets})
    return stream.getvalue()


def devkit_files(wnids, words, truth: dict[str, str], id_field: str, top: str) -> dict[str, bytes]:
    files = {f"{top}/readme.txt": b"read me", f"{top}/data/meta.mat": meta_mat(wnids, words, id_field)}
    return files | {f"{top}/data/{name}": text.encode() for name, text in truth.items()}
