"""A small copy of ILSVRC-2012 in the form in which the challenge distributed it, made of real photographs."""

import pickle
import tarfile

import numpy as np
import pytest
from source_files import tar_bytes, write_files

from alexnet.core.errors import DataError
from alexnet.data.sources import devkit as kits
from alexnet.data.sources.detect import open_source
from alexnet.data.sources.devkit import ILSVRC2010, ILSVRC2012
from alexnet.data.sources.ilsvrc import open_ilsvrc2010, open_ilsvrc2012
from alexnet.data.sources.options import SourceOptions
from ilsvrc_files import devkit_files, meta_mat, photographs_of, write_ilsvrc2012

scipy_io = pytest.importorskip("scipy.io", reason="the ilsvrc extra is not installed")
SUBSET = SourceOptions(subset=True)


@pytest.fixture(scope="module")
def photographs(test_data) -> dict[str, tuple[str, bytes]]:
    """WNID to name and bytes of one photograph of each of 100 classes."""
    return photographs_of(test_data / "imagenet-photos")


@pytest.fixture(scope="module")
def mini(photographs, tmp_path_factory):
    """A folder with the three archives; ids and validation pictures are in scrambled orders."""
    return write_ilsvrc2012(tmp_path_factory.mktemp("ilsvrc"), photographs)


def test_labels_go_from_ids_over_wnids_to_sorted_indices(mini, photographs):
    source = open_source(mini)
    assert source.info.kind == "ilsvrc2012"
    assert source.info.classes == tuple(sorted(photographs)) and source.info.classes[0] == "n01440764"
    assert source.info.class_names[0] == "tench"
    assert {name: len(split) for name, split in source.splits.items()} == {"train": 200, "val": 100}
    for split in source.splits.values():
        for index in range(len(split)):
            wnid = source.info.classes[split.labels[index]]
            assert split.read(index) == photographs[wnid][1]


def test_pictures_are_named_and_ordered(mini):
    source = open_ilsvrc2012(mini)
    train, val = source.splits["train"], source.splits["val"]
    assert [train.name(i) for i in range(2)] == ["n01440764/n01440764_10.JPEG", "n01440764/n01440764_7.JPEG"]
    assert train.labels.tolist() == np.repeat(np.arange(100), 2).tolist()
    assert [val.name(i) for i in (0, 99)] == [f"ILSVRC2012_val_{i:08d}.JPEG" for i in (1, 100)]


def test_a_pickled_source_reads_the_same(mini):
    source = open_ilsvrc2012(mini)
    copy = pickle.loads(pickle.dumps(source))
    assert copy.fingerprint() == source.fingerprint()
    assert all(copy.splits["train"].read(i) == source.splits["train"].read(i) for i in (0, 99, 199))


def unpack(archive, folder):
    with tarfile.open(archive) as tar:
        for member in tar:
            write_files(folder, {member.name: tar.extractfile(member).read()})


@pytest.mark.parametrize("form", ["tars", "folders"])
def test_unpacked_copies_are_the_same_source(mini, tmp_path, form):
    unpack(mini / "ILSVRC2012_img_train.tar", tmp_path / "train")
    unpack(mini / "ILSVRC2012_img_val.tar", tmp_path / "val")
    unpack(mini / "ILSVRC2012_devkit_t12.tar.gz", tmp_path)
    if form == "folders":
        for path in list((tmp_path / "train").iterdir()):
            unpack(path, tmp_path / "train" / path.stem)
            path.unlink()
    source = open_source(tmp_path)
    assert source.info.kind == "ilsvrc2012"
    assert source.fingerprint() == open_ilsvrc2012(mini).fingerprint()
    assert source.splits["train"].read(150) == open_ilsvrc2012(mini).splits["train"].read(150)


def test_validation_pictures_in_class_folders_need_no_ground_truth(mini, photographs, tmp_path):
    for name in ("ILSVRC2012_img_train.tar", "ILSVRC2012_devkit_t12.tar.gz"):
        (tmp_path / name).symlink_to(mini / name)
    write_files(
        tmp_path, {f"val/{w}/ILSVRC2012_val_{i:08d}.JPEG": b"1" for i, w in enumerate(sorted(photographs))}
    )
    assert open_ilsvrc2012(tmp_path).splits["val"].labels.tolist() == list(range(100))


@pytest.fixture
def tiny(tmp_path):
    """Return a maker of two-class copies, in which one part may be changed."""

    def make(*, truth="2\n1\n2\n", train=("n2", "n1"), val=3, meta=None, edition=ILSVRC2012, extra=()):
        top = edition.devkits[-1]
        classes = ["n2", "n1"], ["two, deux", "one"]
        kit = devkit_files(*classes, {edition.truth["val"]: truth}, edition.id_field, top)
        if meta is not None:
            kit[f"{top}/data/meta.mat"] = meta
        inner = {f"{w}.tar": tar_bytes({f"{w}_1.JPEG": w.encode()}) for w in train}
        names = [
            f"{edition.kind.upper()}_val_{i:08d}.JPEG"
            for i in (val if isinstance(val, tuple) else range(1, val + 1))
        ]
        files = {
            f"{edition.devkits[0]}.tar.gz": tar_bytes(kit, mode="w:gz"),
            edition.images["train"]: tar_bytes(inner),
            edition.images["val"]: tar_bytes({f"val/{name}": name[-6:].encode() for name in reversed(names)}),
        }
        return write_files(tmp_path, files | dict(extra))

    return make


def test_two_classes_are_enough(tiny):
    source = open_ilsvrc2012(tiny())
    assert source.info.classes == ("n1", "n2") and source.info.class_names == ("one", "two")
    assert source.splits["val"].labels.tolist() == [1 - 1, 1, 0]
    assert [source.splits["val"].read(i) for i in range(3)] == [b"1.JPEG", b"2.JPEG", b"3.JPEG"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"truth": "2\n1\n"}, "has 3 pictures where .* has 2 lines"),
        ({"truth": "2\n1\n2\n1\n"}, "has 4 lines"),
        ({"truth": "2\n3\n2\n"}, "line 2 is b'3', not the id of a class"),
        ({"truth": "0\n1\n2\n"}, "line 1 is b'0'"),
        ({"truth": "2\nn1\n2\n"}, "line 2 is b'n1'"),
        ({"truth": "\ufeff2\r\n-1\r\n2"}, "line 2 is b'-1'"),
        ({"train": ("n2",)}, "lacks 1 of the 2 classes"),
        ({"train": ("n1", "n2", "n3")}, r"n3/n3_1\.JPEG, which is in no class"),
        ({"meta": b"not a mat file"}, "cannot be read"),
        ({"meta": b""}, "cannot be read"),
    ],
)
def test_a_copy_that_does_not_fit_together_is_refused(tiny, change, message):
    with pytest.raises(DataError, match=message):
        open_ilsvrc2012(tiny(**change))


def test_a_damaged_meta_file_never_brings_out_another_error(tiny):
    good = meta_mat(["n2", "n1"], ["two", "one"], "ILSVRC2012_ID")
    for size in range(0, len(good), 97):
        with pytest.raises(DataError):
            open_ilsvrc2012(tiny(meta=good[:size]))


def test_an_inner_archive_that_is_cut_is_named(tiny):
    root = tiny()
    inner = tar_bytes({"n1_1.JPEG": b"1" * 2000})
    files = {"n2.tar": tar_bytes({"n2_1.JPEG": b"2"}), "n1.tar": inner[:1024]}
    (root / "ILSVRC2012_img_train.tar").write_bytes(tar_bytes(files))
    with pytest.raises(DataError, match=r"n1\.tar: the archive is cut"):
        open_ilsvrc2012(root)


@pytest.mark.parametrize(
    "missing", ["ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar", "ILSVRC2012_devkit_t12"]
)
def test_a_missing_part_is_named(tiny, missing):
    root = tiny()
    next(path for path in root.iterdir() if path.name.startswith(missing)).unlink()
    with pytest.raises(DataError, match=missing):
        open_ilsvrc2012(root)


def test_a_subset_may_lack_pictures_which_are_paired_by_their_numbers(tiny):
    source = open_ilsvrc2012(tiny(truth="2\n1\n2\n1\n1\n", val=(2, 3)), SUBSET)
    assert source.splits["val"].labels.tolist() == [1, 0]


def test_a_subset_may_lack_classes_whose_pictures_are_left_out(tiny):
    three = meta_mat(["n3", "n1", "n2"], ["three", "one", "two"], "ILSVRC2012_ID")
    root = tiny(meta=three, truth="1\n2\n3\n2\n1\n", train=("n3", "n1"), val=5)
    with pytest.raises(DataError, match="lacks 1 of the 3 classes"):
        open_ilsvrc2012(root)
    source = open_ilsvrc2012(root, SUBSET)
    assert source.info.classes == ("n1", "n3") and source.info.class_names == ("one", "three")
    assert source.splits["train"].labels.tolist() == [0, 1]
    assert source.splits["val"].labels.tolist() == [1, 0, 0, 1]
    assert [source.splits["val"].read(i) for i in range(4)] == [b"1.JPEG", b"2.JPEG", b"4.JPEG", b"5.JPEG"]


def thousand(tmp_path, edition):
    wnids = [f"n{i:04d}" for i in range(1000)]
    kit = devkit_files(wnids, wnids, {edition.truth["val"]: "1\n" * 3}, edition.id_field, "devkit-1.0")
    files = {edition.devkits[0] + ".tar.gz": tar_bytes(kit, mode="w:gz")}
    files |= {f"train/{wnid}/1.JPEG": b"" for wnid in wnids} | {f"val/x_{i}.JPEG": b"" for i in (1, 2, 3)}
    return write_files(tmp_path, files)


def test_a_thousand_classes_with_a_wrong_count_are_refused_unless_a_subset_is_asked_for(tmp_path):
    root = thousand(tmp_path, ILSVRC2012)
    with pytest.raises(DataError, match="train has 1000 pictures; the challenge has 1281167"):
        open_ilsvrc2012(root)
    assert len(open_ilsvrc2012(root, SUBSET).info.classes) == 1000


def test_a_ground_truth_in_another_order_is_refused(tmp_path, monkeypatch):
    root = thousand(tmp_path, ILSVRC2012)
    fewer = {**ILSVRC2012.__dict__, "counts": {"train": 1000, "val": 3}, "anchors": {1: 65}}
    monkeypatch.setattr("alexnet.data.sources.ilsvrc.ILSVRC2012", kits.Edition(**fewer))
    with pytest.raises(DataError, match="not the challenge's: picture 1 differs"):
        open_ilsvrc2012(root)


def test_the_2010_edition_has_a_labelled_test_part(tiny):
    tests = tar_bytes({f"test/ILSVRC2010_test_{i:08d}.JPEG": b"%d" % i for i in (2, 1)})
    extra = {"ILSVRC2010_images_test.tar": tests, "ILSVRC2010_test_ground_truth.txt": b"1\n2\n"}
    root = tiny(edition=ILSVRC2010, extra=extra.items())
    source = open_source(root)
    assert source.info.kind == "ilsvrc2010"
    assert {name: split.labels.tolist() for name, split in source.splits.items()} == {
        "train": [0, 1],
        "val": [0, 1, 0],
        "test": [1, 0],
    }
    assert source.splits["test"].read(0) == b"1"
    (root / "ILSVRC2010_test_ground_truth.txt").unlink()
    with pytest.raises(DataError, match="lacks ILSVRC2010_test_ground_truth"):
        open_ilsvrc2010(root)


def test_the_editions_know_their_sizes():
    assert ILSVRC2012.counts == {"train": 1281167, "val": 50000}
    assert ILSVRC2010.counts == {"train": 1261406, "val": 50000, "test": 150000}
