"""Pictures beside their augmented versions: made by the loader of training, the same for the same seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvp_cli.main import main
from cvp_core.data import ArraySet, DataSplits, FileSet, open_data, resize_and_crop
from cvp_core.data.variation_sheet import variation_sheet, variations
from cvp_core.errors import ConfigError
from cvp_core.spec import Preprocess
from cvp_core.train.rehearsal import draw_variations

SIZE = Preprocess((32, 32), 32)
LEFT, RIGHT = (200, 30, 30), (30, 30, 200)


def halves(folder: Path, count: int = 2) -> DataSplits:
    """Two classes of pictures that are red on the left and, each in its own shade, blue on the right."""
    for place, name in enumerate(("ant", "bee")):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            image = Image.new("RGB", (48, 48), (*RIGHT[:2], RIGHT[2] - 9 * number - 4 * place))
            image.paste(LEFT, (0, 0, 24, 48))
            image.save(folder / name / f"{number}.png")
    return open_data(folder)


def test_without_augmentation_every_version_is_what_evaluation_sees(tmp_path: Path) -> None:
    images = halves(tmp_path).train
    chosen = [2, 0, 3, 1]
    seen = variations(images, chosen, SIZE, "none", 3)
    assert seen.shape == (4, 3, 32, 32, 3)
    for place, index in enumerate(chosen):
        expected = resize_and_crop(images.read(index), SIZE)
        assert all(np.array_equal(version, expected) for version in seen[place])


def test_light_turns_some_versions_over_and_makes_no_two_alike(tmp_path: Path) -> None:
    seen = variations(halves(tmp_path).train, [0], SIZE, "light", 12)[0]
    is_red_left = [bool(version[16, 2, 0] > version[16, 2, 2]) for version in seen]
    assert 2 <= sum(is_red_left) <= 10  # a flip in one case of two
    assert len({version.tobytes() for version in seen}) == 12


def test_small_pictures_move_by_four_pixels_at_most() -> None:
    pixels = np.zeros((2, 28, 28), np.uint8)
    pixels[:, 14, 14] = 255
    grey = Preprocess((28, 28), None, mean=(0.5,), std=(0.5,))
    seen = variations(ArraySet(pixels, [0, 1]), [0, 1], grey, "shift", 20)[..., 0]
    places = np.argwhere(seen == 255)
    assert len(places) == 40
    assert places[:, 2].min() >= 10
    assert places[:, 2].max() <= 18
    assert len(set(places[:, 2].tolist())) > 3


def test_the_same_seed_gives_the_same_page_and_another_another(tmp_path: Path) -> None:
    splits = halves(tmp_path, 4)
    pages = [variation_sheet(splits, SIZE, "strong", columns=3, seed=seed).tobytes() for seed in (1, 1, 2)]
    assert pages[0] == pages[1] != pages[2]
    seen = [variations(splits.train, [0, 1], SIZE, "strong", 2, seed=seed) for seed in (1, 1, 2)]
    assert np.array_equal(seen[0], seen[1])
    assert not np.array_equal(seen[0], seen[2])
    reds = [versions[..., 0].mean() for versions in seen[0]]
    assert reds[0] != reds[1]  # pictures with the same red in them, each with a chance of its own


def test_versions_are_erased_where_a_run_would_erase(tmp_path: Path) -> None:
    images = halves(tmp_path).train
    plain, erased = (variations(images, [0], SIZE, "none", 4, erasing=share)[0] for share in (0.0, 1.0))
    shares = [(one != other).any(axis=2).mean() for one, other in zip(plain, erased, strict=True)]
    assert all(0.01 < share < 0.45 for share in shares)  # arXiv:1708.04896: 2 to 40 % of the area


def test_a_picture_that_cannot_be_read_is_crossed_out_and_the_others_are_shown(tmp_path: Path) -> None:
    splits = halves(tmp_path, 1)
    (tmp_path / "cut.png").write_bytes((tmp_path / "ant/0.png").read_bytes()[:40])
    images = FileSet([tmp_path / "cut.png", splits.train.path(1)], [0, 1])
    page = variation_sheet(DataSplits("x", splits.classes, images, None, None, "here"), SIZE, "none", columns=2)
    crossed, sound = (page.crop((0, top, page.width, top + 100)) for top in (48, 148))
    assert (255, 0, 0) in {colour for _, colour in crossed.getcolors(1 << 20)}
    assert LEFT not in {colour for _, colour in crossed.getcolors(1 << 20)}
    assert LEFT in {colour for _, colour in sound.getcolors(1 << 20)}


def test_two_pictures_a_class_and_what_is_beyond_the_rows_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cvp_core.data import contact_sheet as module

    texts: list[str] = []
    draw = module.ImageDraw.ImageDraw.text
    monkeypatch.setattr(module.ImageDraw.ImageDraw, "text", lambda *a: (texts.append(a[2]), draw(*a)))
    variation_sheet(halves(tmp_path, 5), SIZE, "light", rows=3, columns=8, erasing=0.25)
    assert "as training sees it in 7 epochs: augment light, 32x32 pixels, erasing 0.25" in texts[1]
    assert texts[1].endswith("; the first 3 of 4 rows")
    assert [text for text in texts if text in ("ant", "bee")] == ["ant", "ant", "bee"]


def test_the_recipe_says_what_is_trained_with_unless_a_preset_is_given() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 28, 28), np.uint8)
    splits = DataSplits(
        "digits", ("0", "1"), ArraySet(pixels, [0, 0, 1, 1]), None, None, "memory",
        image_size=(1, 28, 28), recipe={"augment": "shift", "mean": (0.1307,), "std": (0.3081,)},
    )  # fmt: skip
    grey = Preprocess((28, 28), None, mean=(0.1307,), std=(0.3081,))
    assert draw_variations(splits, {}).tobytes() == variation_sheet(splits, grey, "shift").tobytes()
    assert draw_variations(splits, {"augment": "none"}).tobytes() == variation_sheet(splits, grey, "none").tobytes()
    with pytest.raises(ConfigError, match="at least 1 row and 2 columns"):
        draw_variations(splits, {}, columns=1)


def test_the_command_draws_them_and_refuses_another_preset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    halves(tmp_path / "d")
    show = ["data", "show", str(tmp_path / "d"), "-o", str(tmp_path / "sheet.png"), "--columns", "3"]
    assert main([*show]) == 0
    plain = (tmp_path / "sheet.png").read_bytes()
    assert main([*show, "--augment"]) == 0  # light, as a run without a word about it
    light = (tmp_path / "sheet.png").read_bytes()
    assert main([*show, "--augment", "strong"]) == 0
    assert len({plain, light, (tmp_path / "sheet.png").read_bytes()}) == 3
    assert main([*show, "--augment", "storng"]) == 2
    assert "'storng' is not one of none, light, medium" in capsys.readouterr().err
