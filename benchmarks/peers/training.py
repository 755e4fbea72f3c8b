"""Cross-validated training of the study's network with plain Keras, as its guides show it: `fit` with augmentation
layers in tf.data, class weights and early stopping, one new model per fold."""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, train_test_split

BATCH, SEED = 64, 2020


def network(size_px: int) -> keras.Model:
    model = keras.Sequential([keras.Input((size_px, size_px, 3))])
    for filters, pooled in ((32, True), (64, True), (128, False)):
        model.add(layers.Conv2D(filters, 3, padding="same", use_bias=False))
        if pooled:
            model.add(layers.MaxPooling2D())
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.ReLU())
    model.add(layers.Flatten())
    model.add(layers.Dense(64, use_bias=False))
    model.add(layers.BatchNormalization(momentum=0.9))
    model.add(layers.ReLU())
    model.add(layers.Dense(1, dtype="float32"))
    return model


def batches(images: np.ndarray, labels: np.ndarray) -> tf.data.Dataset:
    augment = keras.Sequential(
        [
            layers.RandomFlip(),
            layers.RandomRotation(0.5, fill_mode="nearest"),
            layers.RandomZoom(0.1, fill_mode="nearest"),
            layers.RandomTranslation(0.05, 0.05, fill_mode="nearest"),
        ]
    )
    every = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(len(labels)).batch(BATCH)
    return every.map(lambda x, y: (augment(x, training=True), y), tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def cross_validate(images: np.ndarray, labels: np.ndarray, epochs: int, folds: int) -> tuple[int, list[float]]:
    """Return the number of images shown in training, and the AUC of each fold."""
    shown, aucs = 0, []
    for rest, test in StratifiedKFold(folds, shuffle=True, random_state=SEED).split(images, labels):
        train, validation = train_test_split(rest, test_size=0.15, stratify=labels[rest], random_state=SEED)
        model = network(images.shape[1])
        model.compile(keras.optimizers.Adam(3e-4), keras.losses.BinaryCrossentropy(from_logits=True))
        counts = np.bincount(labels[train])
        history = model.fit(
            batches(images[train], labels[train]),
            epochs=epochs,
            validation_data=(images[validation], labels[validation]),
            class_weight={label: len(train) / (2 * count) for label, count in enumerate(counts)},
            callbacks=[keras.callbacks.EarlyStopping(patience=8, restore_best_weights=True)],
            verbose=0,
        )
        shown += len(train) * len(history.epoch)
        aucs.append(roc_auc_score(labels[test], model.predict(images[test], verbose=0)[:, 0]))
    return shown, aucs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--bfloat16", action="store_true")
    parser.add_argument("--batches", action="store_true", help="make the batches of some epochs without a training")
    chosen = parser.parse_args()
    keras.utils.set_random_seed(SEED)
    if chosen.bfloat16:
        keras.config.set_dtype_policy("mixed_bfloat16")
    images, labels = np.load(chosen.folder / "images.npy"), np.load(chosen.folder / "labels.npy")
    images = images / images.max(axis=(1, 2, 3), keepdims=True)
    if chosen.batches:
        dataset = batches(images, labels)
        next(iter(dataset))
        started = time.perf_counter()
        shown = sum(len(y) for _ in range(chosen.epochs) for _, y in dataset)
        print(json.dumps({"items": shown, "seconds": time.perf_counter() - started}))
    else:
        shown, aucs = cross_validate(images, labels, chosen.epochs, chosen.folds)
        print(json.dumps({"items": shown, "aucs": aucs}))


if __name__ == "__main__":
    main()
