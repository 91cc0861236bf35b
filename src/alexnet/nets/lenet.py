"""LeNet-5 in the form that is usually meant today."""

from alexnet.nets.rows import Activation, Conv, Linear, NetSpec, Pool

LENET5_MODERN = NetSpec(
    name="lenet5_modern",
    table=(
        Conv("conv1", 6, kernel=5, pad=2, std=None),
        Activation("relu1"),
        Pool("pool1", 2, 2),
        Conv("conv2", 16, kernel=5, std=None),
        Activation("relu2"),
        Pool("pool2", 2, 2),
        Linear("fc3", 120, std=None),
        Activation("relu3"),
        Linear("fc4", 84, std=None),
        Activation("relu4"),
        Linear("fc5", None, std=None),
    ),
    input_shape=(1, 28, 28),
    num_classes=10,
    source="LeCun et al. 1998, with dense C3, max pooling, ReLU and softmax (61,706 parameters)",
)
