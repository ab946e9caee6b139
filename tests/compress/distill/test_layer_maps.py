import pytest

from smallbert.compress.distill.layer_maps import COPIES, MAPS, copied_layers, layer_map
from smallbert.errors import UsageError


def test_the_released_distilbert():
    assert copied_layers("released", 6, 12) == [0, 2, 4, 7, 9, 11]


@pytest.mark.parametrize(
    ("name", "layers"),
    [("even", [0, 2, 4, 6, 8, 10]), ("top", [6, 7, 8, 9, 10, 11]), ("bottom", [0, 1, 2, 3, 4, 5])],
)
def test_named_maps(name, layers):
    assert copied_layers(name, 6, 12) == layers


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.parametrize("teacher", [1, 2, 6, 12, 24])
def test_every_map_gives_distinct_ascending_layers(name, teacher):
    for student in range(1, teacher + 1):
        layers = copied_layers(name, student, teacher, seed=3)
        assert len(layers) == student and layers == sorted(set(layers))
        assert layers[0] >= 0 and layers[-1] < teacher
    assert copied_layers(name, teacher, teacher) == list(range(teacher))


def test_released_keeps_first_and_last_and_random_follows_its_seed():
    for student in range(2, 13):
        assert copied_layers("released", student, 12)[:: student - 1] == [0, 11]
    draws = {tuple(copied_layers("random", 6, 12, seed=seed)) for seed in range(20)}
    assert len(draws) > 15
    assert copied_layers("random", 6, 12, seed=4) == copied_layers("random", 6, 12, seed=4)


@pytest.mark.parametrize(("student", "step"), [(4, 3), (6, 2), (12, 1), (1, 12)])
def test_tinyberts_map(student, step):
    """g(m) = 3 m for 4 layers, 2 m for 6, of 12; embedding and prediction layers meet their own."""
    assert layer_map("uniform", student, 12) == [0, *(step * m for m in range(1, student + 1)), 13]


def test_other_maps_of_tinybert_and_those_of_patient_kd():
    assert layer_map("top", 4, 12) == [0, 9, 10, 11, 12, 13]
    assert layer_map("bottom", 4, 12) == [0, 1, 2, 3, 4, 13]
    assert layer_map("uniform", 6, 12)[1:-2] == [2, 4, 6, 8, 10]  # PKD-Skip
    assert layer_map("top", 6, 12)[1:-2] == [7, 8, 9, 10, 11]  # PKD-Last


def test_what_does_not_fit_is_refused():
    with pytest.raises(UsageError, match=r"divide the teacher's 12 \(1, 2, 3, 4, 6, 12\), got 5"):
        layer_map("uniform", 5, 12)
    assert layer_map("top", 5, 12)[1] == 8
    for function in (layer_map, copied_layers):
        with pytest.raises(UsageError, match="got 'middle'"):
            function("middle", 2, 4)
    for name in MAPS:
        with pytest.raises(UsageError, match="a student of 1 to 4 layers, as many as the teacher has, got 5"):
            layer_map(name, 5, 4)
    with pytest.raises(UsageError, match="a student of 1 to 4 layers, as many as the teacher has, got 0"):
        copied_layers("top", 0, 4)
