from benchmarks import optimizer_update


def test_prints_a_row_for_each(monkeypatch, capsys):
    flags = ["--levels=1", "--steps=1", "--width=4", "--repeats=2"]
    monkeypatch.setattr("sys.argv", ["optimizer_update", *flags])
    optimizer_update.main()
    first, _, _, *rows = capsys.readouterr().out.splitlines()
    assert first.startswith("17 variables, ")
    assert [row.split("`")[1] for row in rows] == ["keras.optimizers.Adam", "FusedAdam"]
    keras, fused = (int(row.split("|")[2].replace(",", "")) for row in rows)
    assert fused < keras / 2
