//! A grid of characters that lines are drawn on in dots of braille, eight to a character.

/// Dots of a character, by column and row within it.
const DOTS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// The empty braille character.
const BRAILLE: u32 = 0x2800;

/// Dots in the width and height of a character.
pub(super) const ACROSS: usize = 2;
pub(super) const DOWN: usize = 4;

/// A grid of characters.
#[derive(Debug, Clone)]
pub(super) struct Canvas {
    columns: usize,
    rows: usize,
    dots: Vec<u32>,
    under: Vec<char>,
}

impl Canvas {
    pub(super) fn new(columns: usize, rows: usize) -> Self {
        Self { columns, rows, dots: vec![0; columns * rows], under: vec![' '; columns * rows] }
    }

    /// Puts a character below the lines.
    pub(super) fn put(&mut self, column: usize, row: usize, character: char) {
        if column < self.columns
            && let Some(cell) = self.under.get_mut(row * self.columns + column)
        {
            *cell = character;
        }
    }

    pub(super) fn is_free(&self, column: usize, row: usize) -> bool {
        self.under.get(row * self.columns + column).is_some_and(|cell| *cell == ' ')
    }

    /// Sets a dot, counted from the left and from the top.
    fn dot(&mut self, x: i64, y: i64) {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return };
        let (column, row) = (x / ACROSS, y / DOWN);
        let mask = DOTS.get(x % ACROSS).and_then(|of_column| of_column.get(y % DOWN)).copied().unwrap_or(0);
        if column < self.columns
            && let Some(cell) = self.dots.get_mut(row * self.columns + column)
        {
            *cell |= mask;
        }
    }

    /// Draws a line between two points, in dots.
    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64)) {
        let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).ceil().clamp(1.0, 10_000.0);
        let mut done = 0.0;
        while done <= steps {
            let share = done / steps;
            let (x, y) = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
            self.dot(whole(x), whole(y));
            done += 1.0;
        }
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = String> + '_ {
        let cell = |(dots, under): (&u32, &char)| match dots {
            0 => *under,
            dots => char::from_u32(BRAILLE + dots).unwrap_or(*under),
        };
        let rows = self.dots.chunks(self.columns.max(1)).zip(self.under.chunks(self.columns.max(1)));
        rows.take(self.rows).map(move |(dots, under)| dots.iter().zip(under).map(cell).collect())
    }
}

/// The nearest whole number.
pub(super) fn whole(number: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates, which is meant")]
    let whole = number.round() as i64;
    whole
}
