"""Training in Keras on TensorFlow: compiled model, tf.data input, TensorFlow's own normalization."""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import tensorflow as tf
from keras import layers

from alexnet.bench.pixels import CIFAR_COUNT, CIFAR_SIDE, CROP, random_labels, random_pictures
from alexnet.bench.task import Absent, Task, Work


def train(task: Task) -> Work:
    """Make ready a compiled model and its batches."""
    gpus = tf.config.list_physical_devices("GPU")
    if task.device == "cuda" and not gpus:
        raise Absent("TensorFlow sees no GPU here")
    tf.config.set_visible_devices(gpus if task.device == "cuda" else [], "GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)  # others are on it too
    keras.mixed_precision.set_global_policy("mixed_bfloat16" if task.bfloat16 else "float32")
    side = CIFAR_SIDE if task.net == "cifar10_19pct" else CROP
    inputs = keras.Input((side, side, 3))
    outputs = {"alexnet": alexnet, "alexnet_owt": alexnet_owt, "cifar10_19pct": cifar10_19pct}[task.net](inputs)
    model = keras.Model(inputs, layers.Activation("linear", dtype="float32")(outputs))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.0001, momentum=0.9, weight_decay=0.0005), loss)
    batches = iter(_batches(task))
    last = [0.0]

    def run(iterations: int) -> None:
        for _ in range(iterations):
            last[0] = model.train_on_batch(*next(batches))

    def check() -> dict[str, float]:
        pictures, labels = next(batches)
        with tf.GradientTape() as tape:
            value = loss(labels, model(pictures, training=True))
        gradients = tape.gradient(value, model.trainable_variables)
        smallest = min(float(tf.reduce_max(tf.abs(g))) for g in gradients)
        return {"loss": float(value), "smallest_gradient": smallest}

    precision = "mixed_bfloat16" if task.bfloat16 else "float32"
    return Work(run, task.batch, f"Keras on TensorFlow, NHWC, towers apart, {precision}", check)


def alexnet(x):
    """Return the paper's network behind its inputs, each tower a convolution of its own."""
    x = layers.ZeroPadding2D(2)(x)
    x = layers.MaxPool2D(3, 2)(_normalized(layers.Conv2D(96, 11, strides=4, activation="relu")(x)))
    x = layers.MaxPool2D(3, 2)(_normalized(_towers(x, 256, 5)))
    x = layers.Conv2D(384, 3, padding="same", activation="relu")(x)
    x = layers.MaxPool2D(3, 2)(_towers(_towers(x, 384, 3), 256, 3))
    x = layers.Flatten()(x)
    for _ in range(2):
        x = layers.Dropout(0.5)(layers.Dense(4096, activation="relu")(x))
    return layers.Dense(1000)(x)


def alexnet_owt(x):
    """Return the network of "One weird trick" behind its inputs."""
    x = layers.ZeroPadding2D(2)(x)
    x = layers.MaxPool2D(3, 2)(layers.Conv2D(64, 11, strides=4, activation="relu")(x))
    x = layers.MaxPool2D(3, 2)(layers.Conv2D(192, 5, padding="same", activation="relu")(x))
    for channels in (384, 256, 256):
        x = layers.Conv2D(channels, 3, padding="same", activation="relu")(x)
    x = layers.Flatten()(layers.MaxPool2D(3, 2)(x))
    for _ in range(2):
        x = layers.Dense(4096, activation="relu")(layers.Dropout(0.5)(x))
    return layers.Dense(1000)(x)


def cifar10_19pct(x):
    """Return the 19 % network of cuda-convnet behind its inputs."""
    x = layers.MaxPool2D(3, 2, "same")(layers.Conv2D(32, 5, padding="same", activation="relu")(x))
    x = layers.AveragePooling2D(3, 2, "same")(layers.Conv2D(32, 5, padding="same", activation="relu")(x))
    x = layers.AveragePooling2D(3, 2, "same")(layers.Conv2D(64, 5, padding="same", activation="relu")(x))
    return layers.Dense(10)(layers.Flatten()(x))


def _towers(x, channels: int, kernel: int):
    half = x.shape[-1] // 2
    parts = [x[..., :half], x[..., half:]]
    return layers.Concatenate()(
        [layers.Conv2D(channels // 2, kernel, padding="same", activation="relu")(part) for part in parts]
    )


def _normalized(x):
    def norm(maps):
        # TensorFlow has no bfloat16 gradient of it on a CPU.
        wide = tf.nn.local_response_normalization(tf.cast(maps, tf.float32), 2, 2.0, 1e-4, 0.75)
        return tf.cast(wide, maps.dtype)

    return layers.Lambda(norm)(x)


def _batches(task: Task) -> tf.data.Dataset:
    """Return endless batches: CIFAR's uint8 pixels shuffled, other nets' inputs made once."""
    if task.net == "cifar10_19pct":
        pixels, labels = random_pictures(CIFAR_COUNT, CIFAR_SIDE), random_labels(CIFAR_COUNT, 10)
        mean = tf.constant(pixels.mean(0, dtype="float32"))
        data = tf.data.Dataset.from_tensor_slices((pixels, labels)).shuffle(CIFAR_COUNT).repeat()
        data = data.batch(task.batch).map(lambda x, y: (tf.cast(x, tf.float32) - mean, y))
        return data.prefetch(tf.data.AUTOTUNE)
    inputs = random_pictures(2 * task.batch, CROP).astype("float32") - 128
    shape = (2, task.batch)
    labels = random_labels(2 * task.batch, 1000).reshape(shape)
    return tf.data.Dataset.from_tensor_slices((inputs.reshape(*shape, CROP, CROP, 3), labels)).cache().repeat()
