"""The sentence tree against K-BERT's definitions, word by word."""

import numpy as np
import pytest

from smallbert.knowledge.tree import Branch, Tree


def by_definition(trunk: int, branches: list[tuple[int, int, int]]):
    """Positions and visible matrix as section 3.4 of K-BERT has them: of branches (length, start, stop)."""
    places = [(-1, place) for place in range(trunk)]
    positions = list(range(trunk))
    for number, (length, _, stop) in enumerate(branches):
        places += [(number, place) for place in range(length)]
        positions += [stop + place for place in range(length)]
    visible = np.zeros((len(places), len(places)), bool)
    for i, (branch, place) in enumerate(places):
        for j, (other, there) in enumerate(places):
            if branch == other:
                visible[i, j] = True
            elif branch == -1:
                visible[i, j] = branches[other][1] <= place < branches[other][2]
            elif other == -1:
                visible[i, j] = branches[branch][1] <= there < branches[branch][2]
    return positions, visible


def test_positions_and_visible_matrix_are_k_berts(rng):
    for _ in range(30):
        trunk = int(rng.integers(3, 9))
        spans = [np.sort(rng.choice(trunk + 1, 2, replace=False)) for _ in range(rng.integers(0, 4))]
        branches = [(int(rng.integers(1, 4)), int(start), int(stop)) for start, stop in spans]
        ids = [rng.integers(5, 99, length) for length, _, _ in branches]
        grown = [Branch(own, start, stop) for own, (_, start, stop) in zip(ids, branches, strict=True)]
        tree = Tree.grow(np.arange(trunk), np.zeros(trunk), grown)
        positions, visible = by_definition(trunk, branches)
        assert tree.positions.tolist() == positions
        assert (tree.visible == visible).all() and (tree.visible == tree.visible.T).all()
        assert tree.ids.tolist() == [*range(trunk), *(token for own in ids for token in own)]


def test_without_branches_all_see_all():
    tree = Tree.grow(np.array([2, 7, 3]), np.array([0, 0, 1]))
    assert tree.visible.all() and tree.positions.tolist() == [0, 1, 2]
    assert tree.kinds.tolist() == [0, 0, 1] and tree.branches.tolist() == [-1, -1, -1] and len(tree) == 3


@pytest.mark.parametrize("reads", [False, True])
def test_an_unseen_branch_sees_and_is_not_seen(reads):
    knowledge = Branch(np.array([8, 9]), 1, 2)
    answer = Branch(np.array([5]), 0, 3, seen=False, reads=reads, kind=1)
    tree = Tree.grow(np.array([2, 7, 3]), np.zeros(3), [knowledge, answer, answer])
    first, second = 5, 6
    assert not tree.visible[:first, first:].any()
    assert tree.visible[first, :3].all() and tree.visible[first, 3:5].all() == reads
    assert not tree.visible[first, second] and not tree.visible[second, first]
    assert tree.positions[5:].tolist() == [3, 3] and tree.kinds[5:].tolist() == [1, 1]
