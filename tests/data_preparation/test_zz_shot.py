def test_shot(store, prepared, tmp_path):
    import shutil

    f = store.fetch(prepared.final, tmp_path / "f")
    shutil.copytree(f, "/tmp/cleaning/final", dirs_exist_ok=True)
    g = store.fetch(prepared.cleaned[0], tmp_path / "g")
    shutil.copytree(g, "/tmp/cleaning/cleaned", dirs_exist_ok=True)
