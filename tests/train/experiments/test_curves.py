"""Curves of several runs: collected, put into a table and drawn."""

import json

import numpy as np
import pytest
import tensorflow as tf

from train.experiments.curves import (
    Curves,
    collect,
    comparison_figure,
    comparison_table,
    run_name,
)

PERMUTATIONS = ("invertible_1x1_conv", "shuffle", "reverse")
# Bits per dimension after the last of four epochs, by seed.
FINAL = {
    ("affine", "invertible_1x1_conv"): [3.0, 3.1, 3.2],
    ("affine", "shuffle"): [3.4, 3.5, 3.6],
    ("affine", "reverse"): [3.5, 3.7, 3.9],
}


@pytest.fixture
def folder(tmp_path):
    for (coupling, permutation), finals in FINAL.items():
        for seed, final in enumerate(finals):
            run = tmp_path / run_name(coupling, permutation, seed)
            run.mkdir()
            lines = [
                # The third epoch was not evaluated.
                {"epoch": epoch, "eval_bits_per_dim": None if epoch == 3 else final + 4 - epoch}
                for epoch in range(1, 5)
            ]
            text = "".join(json.dumps(line) + "\n" for line in lines)
            (run / "metrics.jsonl").write_text(text, encoding="utf-8")
    return tmp_path


def test_collects_the_epochs_that_were_evaluated(folder):
    curves = collect(folder, PERMUTATIONS, ["affine", "additive"], [0, 1, 2, 3], 4)
    assert [(c.coupling, c.permutation) for c in curves] == list(FINAL)
    assert curves[1].seeds == (0, 1, 2)
    assert curves[1].epochs == (1, 2, 4)
    np.testing.assert_allclose(curves[1].bits_per_dim[1], [6.5, 5.5, 3.5])
    np.testing.assert_allclose(curves[1].final, FINAL["affine", "shuffle"])


def test_the_table_says_what_the_numbers_say(folder):
    curves = collect(folder, PERMUTATIONS, ["affine"], [0, 1, 2], 4)
    table = comparison_table(curves)
    assert "| affine | shuffle | 4 | 3 | 3.5000 ± 0.1000 | 3.4000 – 3.6000 |" in table
    assert (
        "affine: 1×1 convolution is 0.4000 bits/dim below shuffle, "
        "and all of its seeds are below all of the other's."
    ) in table
    assert (
        "affine: shuffle is 0.2000 bits/dim below reverse, but the seeds' ranges overlap." in table
    )


def test_epochs_beyond_those_asked_for_are_left_out(folder):
    curves = collect(folder, PERMUTATIONS, ["affine"], [0, 1, 2], 2)
    assert [c.epochs for c in curves] == [(1, 2)] * 3
    assert "| affine | shuffle | 2 | 3 | 5.5000 ± 0.1000 |" in comparison_table(curves)


def test_no_order_of_runs_of_different_length_or_seeds(folder):
    one, two, _ = collect(folder, PERMUTATIONS, ["affine"], [0, 1, 2], 4)
    [shorter] = collect(folder, ["shuffle"], ["affine"], [0, 1, 2], 2)
    assert (
        "shuffle cannot be compared yet: they were evaluated after 4 and 2 epochs, for the seeds "
        "[0, 1, 2] and [0, 1, 2]."
    ) in comparison_table([one, shorter])
    [fewer] = collect(folder, ["reverse"], ["affine"], [0, 1], 4)
    table = comparison_table([two, fewer])
    assert "for the seeds [0, 1, 2] and [0, 1]." in table
    assert "below" not in table


def test_one_seed_says_nothing_about_the_spread(folder):
    curves = collect(folder, PERMUTATIONS, ["affine"], [0], 4)
    assert "below shuffle, for one seed, which says nothing about the spread." in (
        comparison_table(curves)
    )


def test_the_figure_has_a_panel_a_coupling(folder):
    [one] = [c for c in collect(folder, ["shuffle"], ["affine"], [0, 1, 2], 4)]
    other = Curves("additive", "reverse", (0,), one.epochs, one.bits_per_dim[:1])
    sizes = [tf.io.decode_png(comparison_figure(curves)).shape for curves in ([one], [one, other])]
    assert sizes == [(400, 450, 4), (400, 900, 4)]
