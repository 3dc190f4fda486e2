"""The specification's three networks on 128 x 128 mel spectrograms."""

import keras
from keras import layers


def genre_classifier(input_shape=(128, 128, 1), num_classes=13, dropout_rate=0.5):
    """The specification's convolutional network, layer by layer."""
    return keras.Sequential([
        layers.Input(input_shape, name="mel"),
        layers.Conv2D(32, (3, 3), activation="relu", name="conv_1"),
        layers.MaxPooling2D((2, 2), name="pool_1"),
        layers.Conv2D(64, (3, 3), activation="relu", name="conv_2"),
        layers.MaxPooling2D((2, 2), name="pool_2"),
        layers.Conv2D(64, (3, 3), activation="relu", name="conv_3"),
        layers.Flatten(name="flatten"),
        layers.Dense(64, activation="relu", name="dense_1"),
        layers.Dropout(dropout_rate, name="dropout"),
        layers.Dense(num_classes, activation="softmax", name="genres"),
    ], name="genre_classifier")


def mood_detector(input_shape=(128, 128, 1), dropout_rate=0.3):
    """Multi-output network: one trunk, a regression of 0..1 each for valence and arousal."""
    mel = layers.Input(input_shape, name="mel")
    x = mel
    for number, filters in enumerate((32, 64, 64, 128), 1):
        x = layers.Conv2D(filters, (3, 3), activation="relu", name=f"conv_{number}")(x)
        x = layers.MaxPooling2D((2, 2), name=f"pool_{number}")(x)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    x = layers.Dense(64, activation="relu", name="dense_1")(x)
    x = layers.Dropout(dropout_rate, name="dropout")(x)
    outputs = [layers.Dense(1, activation="sigmoid", name=name)(x) for name in ("valence", "arousal")]
    return keras.Model(mel, outputs, name="mood_detector")


def _residual(x, name, filters, stride):
    """Two convolutions beside a shortcut (He et al. 2016), the shortcut by 1 x 1 where the shape changes."""
    y = layers.Conv2D(filters, (3, 3), strides=stride, padding="same", use_bias=False, name=f"{name}_conv_1")(x)
    y = layers.BatchNormalization(name=f"{name}_norm_1")(y)
    y = layers.ReLU(name=f"{name}_relu_1")(y)
    y = layers.Conv2D(filters, (3, 3), padding="same", use_bias=False, name=f"{name}_conv_2")(y)
    y = layers.BatchNormalization(name=f"{name}_norm_2")(y)
    if stride != 1 or x.shape[-1] != filters:
        x = layers.Conv2D(filters, (1, 1), strides=stride, use_bias=False, name=f"{name}_shortcut")(x)
        x = layers.BatchNormalization(name=f"{name}_shortcut_norm")(x)
    return layers.ReLU(name=f"{name}_relu_2")(layers.Add(name=f"{name}_add")([x, y]))


def instrument_classifier(input_shape=(128, 128, 1), num_classes=20, dropout_rate=0.3):
    """Residual network of nine convolutions; classes are independent of each other."""
    mel = layers.Input(input_shape, name="mel")
    x = layers.Conv2D(32, (3, 3), strides=2, padding="same", use_bias=False, name="stem_conv")(mel)
    x = layers.ReLU(name="stem_relu")(layers.BatchNormalization(name="stem_norm")(x))
    for number, (filters, stride) in enumerate(((32, 1), (32, 1), (64, 2), (128, 2)), 1):
        x = _residual(x, f"block_{number}", filters, stride)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    x = layers.Dropout(dropout_rate, name="dropout")(x)
    return keras.Model(mel, layers.Dense(num_classes, activation="sigmoid", name="instruments")(x),
                       name="instrument_classifier")
