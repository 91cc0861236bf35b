"""Codes of the ten digits for LeNet-5's output: stylized 7 x 12 bitmaps, +1 for ink and -1 for paper.

LeCun et al. 1998 show theirs as a picture (figure 3) and give no table; these are drawn after the same idea: similar
characters have similar codes.
"""

_WIDTH, _HEIGHT = 7, 12

_PICTURES = """
..###..  ...#...  ..###..  #######  .....#.  #######  ..####.  #######  ..###..  ..###..
.#...#.  ..##...  .#...#.  .....#.  ....##.  #......  .#.....  ......#  .#...#.  .#...#.
#.....#  .#.#...  #.....#  ....#..  ...#.#.  #......  #......  ......#  #.....#  #.....#
#.....#  ...#...  ......#  ...#...  ..#..#.  #......  #......  .....#.  #.....#  #.....#
#.....#  ...#...  ......#  ..####.  .#...#.  #.###..  #.###..  .....#.  .#...#.  #.....#
#.....#  ...#...  .....#.  .....#.  #....#.  ##...#.  ##...#.  ....#..  ..###..  .#...##
#.....#  ...#...  ....#..  ......#  #######  ......#  #.....#  ....#..  .#...#.  ..###.#
#.....#  ...#...  ...#...  ......#  .....#.  ......#  #.....#  ...#...  #.....#  ......#
#.....#  ...#...  ..#....  ......#  .....#.  ......#  #.....#  ...#...  #.....#  ......#
#.....#  ...#...  .#.....  ......#  .....#.  #.....#  #.....#  ..#....  #.....#  ......#
.#...#.  ...#...  #......  #....#.  .....#.  .#...#.  .#...#.  ..#....  .#...#.  .....#.
..###..  .#####.  #######  .####..  .....#.  ..###..  ..###..  .#.....  ..###..  .####..
"""


def _codes() -> tuple[tuple[int, ...], ...]:
    rows = [line.split() for line in _PICTURES.strip().splitlines()]
    assert len(rows) == _HEIGHT and all(len(part) == _WIDTH for row in rows for part in row)
    return tuple(
        tuple(1 if pixel == "#" else -1 for row in rows for pixel in row[digit])
        for digit in range(len(rows[0]))
    )


DIGIT_CODES = _codes()
"""Ten codes of 84 values, rows of the bitmap from the top."""
