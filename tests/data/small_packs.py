"""One small pack in each encoding, for the tests that read packs."""

import numpy as np
from memory_source import memory_source, smooth_pictures

from alexnet.data.pack.plan import PackSettings
from alexnet.data.pack.write import pack_source

TRAIN = smooth_pictures(40, (8, 8, 3))
VAL = np.concatenate([smooth_pictures(6, (8, 8, 3), seed=1), TRAIN[3:4]])
SETTINGS = {
    "raw": PackSettings(size=None, shard_bytes=8 * 192),
    "jpeg": PackSettings(size=None, shard_bytes=8 * 48, encoding="jpeg"),
}


def make_pack(folder, encoding="raw"):
    """Pack TRAIN and VAL: five shards and one."""
    return pack_source(memory_source(TRAIN, VAL), folder, SETTINGS[encoding], workers=1)
